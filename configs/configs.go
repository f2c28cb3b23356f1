package configs

import _ "embed"

// Gateway is gateway.yaml: the tier that sees every span.
//
//go:embed gateway.yaml
var Gateway string
