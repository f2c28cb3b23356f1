package configs

import _ "embed"

// Gateway is gateway.yaml: the tier that sees every span.
//
//go:embed gateway.yaml
var Gateway string

// Standalone is standalone.yaml: everything in one process. The binary runs it where no configuration is given.
//
//go:embed standalone.yaml
var Standalone string
