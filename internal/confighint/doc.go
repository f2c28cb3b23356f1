// Package confighint turns what the Collector says of a configuration that it cannot decode into the key's path, the rule, the
// value given and how to mend it.
//
// It has no state and no goroutines; it runs where a configuration is read and is wrong.
package confighint
