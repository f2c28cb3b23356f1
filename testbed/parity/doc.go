// Package parity compares our tail_sampling processor with the stock collector's: both get the same traffic and the same
// configuration, and must keep the same traces. All of it is tests.
package parity
