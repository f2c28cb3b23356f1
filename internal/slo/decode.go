package slo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// fileShape is what a file holds.
type fileShape struct {
	SLOs []SLO `mapstructure:"slos"`
}

// decodeFile reads the SLOs of a file, all its YAML documents. Keys are those of the mapstructure tags; unknown and
// repeated ones are refused. Every error names file and line.
func decodeFile(file string, text []byte) ([]SLO, error) {
	var out []SLO
	var errs []error
	for dec := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var doc yaml.Node
		if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", file, err))
			break
		}
		d := &decoder{file: file, lines: map[string]int{}}
		var shape fileShape
		d.value(&doc, reflect.ValueOf(&shape).Elem(), "")
		errs = append(errs, d.errs...)
		for i := range shape.SLOs {
			shape.SLOs[i].origin = &origin{file: file, path: fmt.Sprintf("slos[%d]", i), lines: d.lines}
		}
		out = append(out, shape.SLOs...)
	}
	return out, errors.Join(errs...)
}

// decoder fills a struct from YAML as the Collector's own decoding would, and remembers the line of every key path.
type decoder struct {
	file  string
	lines map[string]int
	errs  []error
}

func (d *decoder) fail(n *yaml.Node, path, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if path != "" {
		text = path + " " + text
	}
	d.errs = append(d.errs, fmt.Errorf("%s:%d: %s", d.file, n.Line, text))
}

func (d *decoder) value(n *yaml.Node, v reflect.Value, path string) {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind == yaml.DocumentNode {
		n = n.Content[0]
	}
	d.lines[path] = n.Line
	if n.Kind == 0 || n.Tag == "!!null" {
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.fields(n, v, path)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, v.Elem(), path)
	case reflect.Slice:
		d.list(n, v, path)
	case reflect.Map:
		d.pairs(n, path, func(key string, child *yaml.Node) {
			element := reflect.New(v.Type().Elem()).Elem()
			d.value(child, element, join(path, key))
			if v.IsNil() {
				v.Set(reflect.MakeMap(v.Type()))
			}
			v.SetMapIndex(reflect.ValueOf(key), element)
		})
	case reflect.Interface:
		if err := n.Decode(v.Addr().Interface()); err != nil {
			d.fail(n, path, "cannot be read: %v", err)
		}
	default:
		d.scalar(n, v, path)
	}
}

// fields fills a struct from a mapping.
func (d *decoder) fields(n *yaml.Node, v reflect.Value, path string) {
	byKey := map[string]reflect.Value{}
	var known []string
	for i := range v.NumField() {
		if tag, ok := v.Type().Field(i).Tag.Lookup("mapstructure"); ok {
			byKey[tag] = v.Field(i)
			known = append(known, tag)
		}
	}
	slices.Sort(known)
	d.pairs(n, path, func(key string, child *yaml.Node) {
		field, ok := byKey[key]
		if !ok {
			d.fail(child, join(path, key), "is not a key (known are %s)", strings.Join(known, ", "))
			return
		}
		d.value(child, field, join(path, key))
	})
}

// pairs calls f for every key of a mapping.
func (d *decoder) pairs(n *yaml.Node, path string, f func(key string, child *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		d.fail(n, path, "must be a mapping of keys")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, child := n.Content[i], n.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode:
			d.fail(key, path, "must have text as keys")
		case seen[key.Value]:
			d.fail(key, join(path, key.Value), "must be given once")
		default:
			seen[key.Value] = true
			f(key.Value, child)
		}
	}
}

// list fills a slice from a sequence; a scalar is a list divided at commas.
func (d *decoder) list(n *yaml.Node, v reflect.Value, path string) {
	switch n.Kind {
	case yaml.SequenceNode:
		v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
		for i, child := range n.Content {
			d.value(child, v.Index(i), fmt.Sprintf("%s[%d]", path, i))
		}
	case yaml.ScalarNode:
		if element := v.Type().Elem().Kind(); element == reflect.String || element == reflect.Interface {
			v.Set(reflect.MakeSlice(v.Type(), 0, 1))
			for part := range strings.SplitSeq(n.Value, ",") {
				if part = strings.TrimSpace(part); part != "" {
					v.Set(reflect.Append(v, reflect.ValueOf(part)))
				}
			}
			return
		}
		fallthrough
	default:
		d.fail(n, path, "must be a list")
	}
}

// scalar fills a text, a number, a boolean or a duration.
func (d *decoder) scalar(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.ScalarNode {
		d.fail(n, path, "must be a single value, not a list or a mapping")
		return
	}
	if v.Type() == reflect.TypeFor[time.Duration]() {
		duration, err := time.ParseDuration(n.Value)
		if err != nil {
			d.fail(n, path, "must be a duration with a unit, as in 300ms (got %q)", n.Value)
		}
		v.SetInt(int64(duration))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(n.Value)
	case reflect.Int:
		number, err := strconv.Atoi(n.Value)
		if err != nil {
			d.fail(n, path, "must be a whole number (got %q)", n.Value)
		}
		v.SetInt(int64(number))
	case reflect.Bool:
		if n.Value != "true" && n.Value != "false" {
			d.fail(n, path, "must be true or false (got %q)", n.Value)
		}
		v.SetBool(n.Value == "true")
	}
}
