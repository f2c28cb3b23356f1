// Package base has the parts of a description that others are made of.
package base
