package slo

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestMatchConditions(t *testing.T) {
	for _, row := range []struct {
		name, match string
		yes, no     []span
	}{
		{
			"a value equals", "attributes: {http.route: /a}",
			[]span{{attrs: attrs{"http.route": "/a"}}},
			[]span{{attrs: attrs{"http.route": "/a/"}}, {}, {attrs: attrs{"http.route": []byte("/a")}}},
		},
		{
			"one of a list equals", "attributes: {http.route: [/a, /b]}",
			[]span{{attrs: attrs{"http.route": "/a"}}, {attrs: attrs{"http.route": "/b"}}},
			[]span{{attrs: attrs{"http.route": "/c"}}},
		},
		{
			"a regular expression is found anywhere", "attributes: {http.route: {regex: 'b.*d'}}",
			[]span{{attrs: attrs{"http.route": "/abcde"}}},
			[]span{{attrs: attrs{"http.route": "/abc"}}, {}, {attrs: attrs{"http.route": 7}}},
		},
		{
			"a regular expression can be anchored", "attributes: {http.route: {regex: '^/b$'}}",
			[]span{{attrs: attrs{"http.route": "/b"}}},
			[]span{{attrs: attrs{"http.route": "/bc"}}},
		},
		{
			"a number equals its text and the same number of another type", "attributes: {n: 200}",
			[]span{{attrs: attrs{"n": 200}}, {attrs: attrs{"n": "200"}}, {attrs: attrs{"n": 200.0}}},
			[]span{{attrs: attrs{"n": 201}}, {attrs: attrs{"n": "0200"}}, {attrs: attrs{"n": 200.5}}},
		},
		{"text equals the number it writes", "attributes: {n: '200'}", []span{{attrs: attrs{"n": 200}}}, []span{{attrs: attrs{"n": 20}}}},
		{"a boolean equals its text", "attributes: {b: true}", []span{{attrs: attrs{"b": true}}, {attrs: attrs{"b": "true"}}}, []span{{attrs: attrs{"b": false}}, {attrs: attrs{"b": 1}}}},
		{"a float equals", "attributes: {f: 1.5}", []span{{attrs: attrs{"f": 1.5}}, {attrs: attrs{"f": "1.5"}}}, []span{{attrs: attrs{"f": 1}}}},
		{"an empty text equals an empty text only", "attributes: {x: ''}", []span{{attrs: attrs{"x": ""}}}, []span{{}}},
		{
			"all conditions must hold", "attributes: {a: 1, b: 2}, span_name: x, kinds: [server]",
			[]span{{name: "x", attrs: attrs{"a": 1, "b": 2}}},
			[]span{{name: "x", attrs: attrs{"a": 1}}, {attrs: attrs{"a": 1, "b": 2}}, {name: "x", kind: 5, attrs: attrs{"a": 1, "b": 2}}},
		},
		{
			"a resource attribute", "resource_attributes: {env: [prod, stage]}",
			[]span{{resource: attrs{"env": "prod"}}, {resource: attrs{"env": "stage"}}},
			[]span{{resource: attrs{"env": "test"}}, {}, {attrs: attrs{"env": "prod"}}},
		},
		{
			"an older name stands in for the current one", "attributes: {http.request.method: POST}, resource_attributes: {deployment.environment.name: prod}",
			[]span{{resource: attrs{"deployment.environment": "prod"}, attrs: attrs{"http.method": "POST"}}},
			[]span{{resource: attrs{"deployment.environment": "prod"}, attrs: attrs{"http.method": "GET"}}},
		},
		{"a span name by regular expression", "span_name: {regex: '^GET '}", []span{{name: "GET /"}}, []span{{name: "POST /"}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t, "- {name: a, service: shop, objective: 99, errors: {}, match: {"+row.match+"}}\n"+
				"- {name: b, service: shop, objective: 99, errors: {}, exclude: [{"+row.match+"}]}", 1, nil)
			for _, s := range append(row.yes, row.no...) {
				s.service = "shop"
				r.observe(0, s)
			}
			got := r.flush(time.Minute)
			assert.Equal(t, len(row.yes), got[good], "match")
			assert.Equal(t, len(row.no), got["events{outcome=good service=shop slo=b}"], "exclude")
			assert.Equal(t, len(row.yes), got["events.excluded{reason=rule slo=b}"], "exclude")
		})
	}
}
