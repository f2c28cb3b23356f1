// Package spantest makes requests for tests and benchmarks: the reference load that the project's speed is measured with,
// and requests of spans with given facts. It is no part of the product.
package spantest
