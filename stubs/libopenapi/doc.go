// Package libopenapi stands in for the library of that name, which Prometheus' packages describe their own HTTP API with
// (/api/v1/openapi.yaml). The library's generic types cost a seventh of the whole build and five megabytes of binary; with this the
// description is there, and has no paths in it. Types and fields are those that Prometheus names, so a newer Prometheus may need more.
package libopenapi
