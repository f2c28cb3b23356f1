package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// clientTimeout is how long a client may take to send.
const clientTimeout = time.Minute

// Sent is what a client says that it sent.
type Sent struct {
	// Failed and Slow are the traces that are to be kept.
	Failed  string       `json:"failed"`
	Slow    string       `json:"slow"`
	Spans   []SentSpan   `json:"spans"`
	Metrics []SentSeries `json:"metrics"`
	Logs    []SentRecord `json:"logs"`
}

// SentSpan is a span; ids are in hex, times in Unix nanoseconds, and kinds and states have OTLP's names without prefix.
type SentSpan struct {
	TraceID    string         `json:"trace_id"`
	SpanID     string         `json:"span_id"`
	ParentID   string         `json:"parent_id"`
	Name       string         `json:"name"`
	Kind       string         `json:"kind"`
	Status     string         `json:"status"`
	Message    string         `json:"message"`
	Start      int64          `json:"start,string"`
	End        int64          `json:"end,string"`
	Attributes map[string]any `json:"attributes"`
	Events     []SentEvent    `json:"events"`
	Links      []SentLink     `json:"links"`
}

// SentEvent is an event of a span.
type SentEvent struct {
	Name       string         `json:"name"`
	Time       int64          `json:"time,string"`
	Attributes map[string]any `json:"attributes"`
}

// SentLink is a link of a span.
type SentLink struct {
	TraceID string `json:"trace_id"`
	SpanID  string `json:"span_id"`
}

// SentSeries is a series of a metric: its last value, or all that a histogram observed.
type SentSeries struct {
	Name         string         `json:"name"`
	Attributes   map[string]any `json:"attributes"`
	Value        float64        `json:"value"`
	Observations []float64      `json:"observations"`
}

// SentRecord is a log record.
type SentRecord struct {
	TraceID    string         `json:"trace_id"`
	SpanID     string         `json:"span_id"`
	Severity   int            `json:"severity"`
	Body       string         `json:"body"`
	Attributes map[string]any `json:"attributes"`
}

// Client is a program that sends with an OpenTelemetry SDK: "go" or "node", of testbed/clients.
type Client struct {
	t       testing.TB
	command []string
}

// NewClient builds or installs a client where it is not there yet.
func NewClient(t testing.TB, language string) *Client {
	t.Helper()
	if language == "node" {
		return &Client{t: t, command: []string{"node", installNode(t)}}
	}
	return &Client{t: t, command: []string{buildModule(t, "testbed/clients/"+language, "bin/clients/"+language, ".")}}
}

// installNode installs the client for Node under bin, with what it depends on, and returns the path of its program.
func installNode(t testing.TB) string {
	t.Helper()
	from, to := filepath.Join(Root(t), "testbed", "clients", "node"), filepath.Join(Root(t), "bin", "clients", "node")
	building.Lock()
	defer building.Unlock()
	program := filepath.Join(to, "client.js")
	// npm writes this file when all is there.
	if !stale(t, filepath.Join(to, "node_modules", ".package-lock.json"), from) {
		return program
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"package.json", "package-lock.json", "client.js"} {
		content, err := os.ReadFile(filepath.Join(from, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), content, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	run(t, to, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	return program
}

// Run lets the client send what it sends, with an environment that has nothing of OpenTelemetry but these variables, and
// returns what it says that it sent. The test fails where the SDK complains.
func (c *Client) Run(env ...string) Sent {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), clientTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.command[0], c.command[1:]...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "NODE_NO_WARNINGS=1"}, env...)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil || complaints.Len() > 0 {
		c.t.Fatalf("the client %v, with %v, failed: %v\n%s", c.command, env, err, complaints.Bytes())
	}
	var sent Sent
	if err := json.Unmarshal(out.Bytes(), &sent); err != nil {
		c.t.Fatalf("cannot read what the client %v sent: %v\n%s", c.command, err, out.Bytes())
	}
	return sent
}
