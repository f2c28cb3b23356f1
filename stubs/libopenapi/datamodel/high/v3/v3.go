package v3

import (
	"fmt"

	"github.com/pb33f/libopenapi/datamodel/high/base"
	"github.com/pb33f/libopenapi/orderedmap"
)

// Document is a description. Its version and its Info are kept.
type Document struct {
	Version    string
	Info       *base.Info
	Servers    []*Server
	Tags       []*base.Tag
	Paths      *Paths
	Components *Components
}

// Render writes a valid description without paths.
func (d *Document) Render() ([]byte, error) {
	return fmt.Appendf(nil, "openapi: %s\ninfo:\n  title: %s\n  version: %q\npaths: {}\n", d.Version, d.Info.Title, d.Info.Version), nil
}

// Server is where the API is.
type Server struct{ URL, Description string }

// Components are schemas by name.
type Components struct {
	Schemas *orderedmap.Map[string, *base.SchemaProxy]
}

// Paths are the operations by path.
type Paths struct {
	PathItems *orderedmap.Map[string, *PathItem]
}

// PathItem is the operations of a path, by method.
type PathItem struct{ Get, Put, Post, Delete, Options *Operation }

// Operation is one thing to ask for.
type Operation struct {
	OperationId, Summary, Description string //nolint:revive // the library's name
	Tags                              []string
	Parameters                        []*Parameter
	RequestBody                       *RequestBody
	Responses                         *Responses
}

// Parameter is a part of the URL.
type Parameter struct {
	Name, In, Description string
	Required, Explode     *bool
	Schema                *base.SchemaProxy
	Examples              *orderedmap.Map[string, *base.Example]
}

// RequestBody is what is sent.
type RequestBody struct {
	Description string
	Required    *bool
	Content     *orderedmap.Map[string, *MediaType]
}

// Responses are what comes back, by status.
type Responses struct {
	Codes   *orderedmap.Map[string, *Response]
	Default *Response
}

// Response is what comes back.
type Response struct {
	Description string
	Content     *orderedmap.Map[string, *MediaType]
}

// MediaType is a body.
type MediaType struct {
	Schema, ItemSchema *base.SchemaProxy
	Examples           *orderedmap.Map[string, *base.Example]
}
