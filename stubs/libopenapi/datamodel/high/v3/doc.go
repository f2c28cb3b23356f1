// Package v3 has the parts of a description of an HTTP API.
package v3
