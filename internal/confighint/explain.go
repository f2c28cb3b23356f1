package confighint

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"go.opentelemetry.io/collector/confmap"
)

// Unmarshal decodes a configuration into target, a pointer to a struct, as the Collector does. The error has a line for each mistake;
// one that is not known is told as the Collector tells it.
func Unmarshal(conf *confmap.Conf, target any) error {
	err := conf.Unmarshal(target)
	if err == nil {
		return nil
	}
	root := reflect.TypeOf(target).Elem()
	var list []error
	known := false
	for _, one := range flatten(err) {
		mended := explain(one, root, conf)
		known = known || mended != nil
		if mended == nil {
			mended = []error{one}
		}
		list = append(list, mended...)
	}
	if !known {
		return err
	}
	return errors.Join(list...)
}

// flatten returns the errors that are joined in an error, however deep.
func flatten(err error) []error {
	switch e := err.(type) { //nolint:errorlint // the tree itself is walked
	case *mapstructure.DecodeError:
	case interface{ Unwrap() []error }:
		var all []error
		for _, one := range e.Unwrap() {
			all = append(all, flatten(one)...)
		}
		return all
	case interface{ Unwrap() error }:
		if _, inside := errors.AsType[*mapstructure.DecodeError](err); inside {
			return flatten(e.Unwrap())
		}
	}
	return []error{err}
}

const unknownKeys = "has invalid keys: "

// explain tells of one mistake; nil where it is none that is known.
func explain(err error, root reflect.Type, conf *confmap.Conf) []error {
	decode, found := errors.AsType[*mapstructure.DecodeError](err)
	if !found {
		return nil
	}
	path := decode.Name()
	if path == root.String() {
		path = ""
	}
	inner := decode.Unwrap()
	if wrongType, found := errors.AsType[*mapstructure.UnconvertibleTypeError](inner); found {
		return []error{wrongValue(path, wrongType)}
	}
	if unparsed, found := errors.AsType[*mapstructure.ParseError](inner); found && isUint(unparsed.Expected.Kind()) {
		return []error{fmt.Errorf("%s must be a whole number, at least 0 (got %v)", path, unparsed.Value)}
	}
	if strings.HasPrefix(inner.Error(), "time: ") {
		got := conf.Get(strings.ReplaceAll(path, ".", confmap.KeyDelimiter)) // nil in a list
		return []error{wrongDuration(path, got)}
	}
	if kind, found := strings.CutPrefix(inner.Error(), "source data must be an array or slice, got "); found {
		return []error{fmt.Errorf("%s must be a list (got %s): begin each entry with -", path, kind)}
	}
	if strings.HasPrefix(inner.Error(), `expected a map or struct, got "slice"`) {
		return []error{fmt.Errorf("%s must be one block of keys (got a list): without -", path)}
	}
	keys, found := strings.CutPrefix(inner.Error(), unknownKeys)
	if !found {
		return nil
	}
	var list []error
	for key := range strings.SplitSeq(keys, ", ") {
		list = append(list, unknownKey(path, key, keysAt(root, path)))
	}
	return list
}

func isUint(k reflect.Kind) bool { return k >= reflect.Uint && k <= reflect.Uint64 }

func unknownKey(path, key string, known []string) error {
	if path != "" {
		path += "."
	}
	switch nearest := Nearest(key, known); {
	case nearest != "":
		return fmt.Errorf("%s%s must not be there (got key %q): is %s meant?", path, key, key, nearest)
	case len(known) > 0:
		return fmt.Errorf("%s%s must not be there (got key %q): known are %s", path, key, key, strings.Join(known, ", "))
	}
	return fmt.Errorf("%s%s must not be there (got key %q)", path, key, key)
}

func wrongDuration(path string, got any) error {
	return fmt.Errorf("%s must be a duration (got %v): a number and its unit, such as 10s or 500ms", path, got)
}

func wrongValue(path string, e *mapstructure.UnconvertibleTypeError) error {
	got := fmt.Sprint(e.Value)
	if text, ok := e.Value.(string); ok {
		got = fmt.Sprintf("%q", text)
	}
	if e.Expected.Type() == reflect.TypeFor[time.Duration]() {
		return wrongDuration(path, e.Value)
	}
	rule, mend := "a "+e.Expected.Type().String(), ""
	switch e.Expected.Kind() {
	case reflect.String:
		rule, mend = "text", fmt.Sprintf(": write it in quotes, %q", got)
	case reflect.Bool:
		rule, mend = "true or false", ": without quotes"
	case reflect.Float32, reflect.Float64:
		rule, mend = "a number", ": without quotes or a unit"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		rule, mend = "a whole number", ": without quotes or a unit"
	}
	return fmt.Errorf("%s must be %s (got %s)%s", path, rule, got, mend)
}

// keysAt returns the keys of the struct at a path such as a.b[0].c; nil where there is none.
func keysAt(t reflect.Type, path string) []string {
	if path != "" {
		for part := range strings.SplitSeq(path, ".") {
			name, _, _ := strings.Cut(part, "[")
			field, found := fieldOf(structOf(t), name)
			if !found {
				return nil
			}
			t = field.Type
		}
	}
	t = structOf(t)
	if t == nil {
		return nil
	}
	var keys []string
	for f := range t.Fields() {
		if key := keyOf(f); key != "" {
			keys = append(keys, key)
		}
	}
	return keys
}

// structOf returns the struct that a type points to or lists, nil where there is none.
func structOf(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	return t
}

func fieldOf(t reflect.Type, key string) (reflect.StructField, bool) {
	if t != nil {
		for f := range t.Fields() {
			if keyOf(f) == key {
				return f, true
			}
		}
	}
	return reflect.StructField{}, false
}

// keyOf returns a field's key, empty where it has none.
func keyOf(f reflect.StructField) string {
	key, _, _ := strings.Cut(f.Tag.Get("mapstructure"), ",")
	return strings.TrimPrefix(key, "-")
}
