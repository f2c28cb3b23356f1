package base

import (
	"github.com/pb33f/libopenapi/orderedmap"
	"go.yaml.in/yaml/v4"
)

// Info says what API it is.
type Info struct {
	Title, Description, Version string
	Contact                     *Contact
}

// Contact says who makes it.
type Contact struct{ Name, URL string }

// Tag groups operations.
type Tag struct{ Name, Summary, Description string }

// Example is one of a value.
type Example struct {
	Summary, Description string
	Value                *yaml.Node
}

// DynamicValue is one of two things.
type DynamicValue[A, B any] struct {
	N int
	A A
	B B
}

// SchemaProxy is a schema, or a reference to one.
type SchemaProxy struct{}

// CreateSchemaProxy forgets the schema.
func CreateSchemaProxy(*Schema) *SchemaProxy { return nil }

// CreateSchemaProxyRef forgets the reference.
func CreateSchemaProxyRef(string) *SchemaProxy { return nil }

// Schema describes a value.
type Schema struct {
	Type, Required                               []string
	Title, Format, Description, ContentMediaType string
	Properties                                   *orderedmap.Map[string, *SchemaProxy]
	Items, AdditionalProperties                  *DynamicValue[*SchemaProxy, bool]
	OneOf, AnyOf                                 []*SchemaProxy
	ContentSchema                                *SchemaProxy
	Example, Default                             *yaml.Node
	Enum                                         []*yaml.Node
	Minimum, Maximum                             *float64
	MinItems, MaxItems                           *int64
}
