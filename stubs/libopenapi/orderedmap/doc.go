// Package orderedmap has maps that forget what is set.
package orderedmap
