// Package webserver runs an HTTP server in the background, for components that answer questions about what they hold.
package webserver
