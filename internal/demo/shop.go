package demo

import (
	"slices"
	"strings"
	"time"
)

// service is one of the shop's.
type service struct {
	name string
	// silent services have no instrumentation: they pass the context on, and send no spans.
	silent bool
}

// operation is what a service does when it is asked, or what is outside of the shop.
type operation struct {
	service *service
	name    string
	// attributes of its span, beside the status code.
	attributes map[string]string
	// takes is the median of its own time, half before and half behind its calls.
	takes time.Duration
	// fails is the share of requests that it answers with a 503, slow that which take slowBy longer.
	fails, slow float64
	slowBy      time.Duration
	calls       []call
}

// call is what an operation asks another for. Without a callee it goes where no spans are expected from, a database or another
// company's API, and takes its own time.
type call struct {
	name       string
	callee     *operation
	attributes map[string]string
	takes      time.Duration
	// queued: a message. The caller doesn't wait, and the callee takes it up after a while.
	queued bool
	// hangs: once in so many calls there is no answer, and the caller gives up after timeout. 0: never.
	hangs int
}

// entry is a way into the shop, and how many of 100 requests take it.
type entry struct {
	operation *operation
	percent   int
}

// objective is an SLO of a service: at least this share of its requests is answered, and within the threshold where there is one.
type objective struct {
	name, service string
	percent       float64
	threshold     time.Duration
}

// timeout is how long a caller waits for what hangs: longer than the demo's decisionWait, so that the error comes when the
// trace's decision was made.
const timeout = 6 * time.Second

var (
	storefront = &service{name: "storefront"}
	catalog    = &service{name: "catalog"}
	pricing    = &service{name: "pricing", silent: true}
	tax        = &service{name: "tax"}
	cart       = &service{name: "cart"}
	payment    = &service{name: "payment"}
	shipping   = &service{name: "shipping"}
	email      = &service{name: "email"}
)

func isOfTheShop(name string) bool {
	return slices.ContainsFunc([]*service{storefront, catalog, pricing, tax, cart, payment, shipping, email}, func(s *service) bool { return s.name == name })
}

// objectives are the shop's SLOs. email has none.
var objectives = []objective{
	{"storefront-availability", storefront.name, 99, 0},
	{"storefront-latency", storefront.name, 98, 400 * time.Millisecond},
	{"catalog-availability", catalog.name, 99.9, 0},
	{"catalog-latency", catalog.name, 99, 250 * time.Millisecond},
	{"cart-availability", cart.name, 99.9, 0},
	{"payment-availability", payment.name, 98, 0},
	{"shipping-availability", shipping.name, 99, 0},
	{"tax-availability", tax.name, 99.9, 0},
}

// entries are the three things that one can do in the shop.
func entries() []entry {
	products := serve(catalog, "GET /products", 18, sql("SELECT products", 25))
	rates := serve(tax, "GET /rates/{country}", 4)
	price := serve(pricing, "GET /prices/{id}", 5, ask(rates))
	product := serve(catalog, "GET /products/{id}", 14, sql("SELECT product", 6), ask(price))
	product.slow, product.slowBy = 0.02, 700*time.Millisecond

	basket := serve(cart, "GET /cart/{id}", 6, redis("GET", 2))
	charge := serve(payment, "POST /charges", 30, outside("POST", "api.bank.example", 120))
	charge.fails = 0.015
	shipment := serve(shipping, "POST /shipments", 25, sql("INSERT shipments", 8))
	shipment.fails = 0.003
	ship := ask(shipment)
	ship.hangs = 80

	return []entry{
		{serve(storefront, "GET /", 12, ask(products)), 40},
		{serve(storefront, "GET /products/{id}", 15, ask(product)), 35},
		{serve(storefront, "POST /checkout", 20, ask(basket), ask(charge), ship, enqueue("orders", consume(email, "orders", 45))), 25},
	}
}

// serve is a route of a service, named after its method and path, that takes some milliseconds itself.
func serve(s *service, name string, ms int, calls ...call) *operation {
	method, path, _ := strings.Cut(name, " ")
	return &operation{
		service: s, name: name, takes: time.Duration(ms) * time.Millisecond, calls: calls,
		attributes: map[string]string{"http.request.method": method, "http.route": path},
	}
}

func consume(s *service, topic string, ms int) *operation {
	return &operation{service: s, name: "process " + topic, takes: time.Duration(ms) * time.Millisecond, attributes: messaging(topic, "process")}
}

// ask is a call of another service of the shop.
func ask(callee *operation) call {
	method, _, _ := strings.Cut(callee.name, " ")
	return call{name: method, callee: callee, attributes: map[string]string{"http.request.method": method, "server.address": callee.service.name}}
}

func enqueue(topic string, consumer *operation) call {
	return call{name: "send " + topic, callee: consumer, queued: true, takes: 2 * time.Millisecond, attributes: messaging(topic, "send")}
}

func outside(method, host string, ms int) call {
	return call{
		name: method, takes: time.Duration(ms) * time.Millisecond,
		attributes: map[string]string{"http.request.method": method, "server.address": host},
	}
}

func sql(statement string, ms int) call   { return datastore("postgresql", "db", statement, ms) }
func redis(statement string, ms int) call { return datastore("redis", "cache", statement, ms) }

func datastore(system, host, statement string, ms int) call {
	return call{
		name: statement, takes: time.Duration(ms) * time.Millisecond,
		attributes: map[string]string{"db.system.name": system, "server.address": host},
	}
}

func messaging(topic, operation string) map[string]string {
	return map[string]string{"messaging.system": "kafka", "messaging.destination.name": topic, "messaging.operation.type": operation}
}
