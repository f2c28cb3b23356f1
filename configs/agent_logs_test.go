//go:build integration

package configs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/otelcol-slo/otelcol-slo/testbed/harness"
)

// containerLog is a file as a container runtime writes it.
type containerLog struct {
	t    *testing.T
	path string
}

func (c *cluster) newLog(t *testing.T, pod, uid, container string) containerLog {
	t.Helper()
	dir := filepath.Join(c.logs, "store_"+pod+"_"+uid, container)
	require.NoError(t, os.MkdirAll(dir, 0o755))
	return containerLog{t: t, path: filepath.Join(dir, "0.log")}
}

var logTime = time.Date(2026, 1, 2, 3, 4, 5, 678901234, time.UTC)

// write appends lines; tag is F, or P where the runtime has cut a line in parts and this is not its last.
func (l containerLog) write(tag string, texts ...string) {
	l.t.Helper()
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	require.NoError(l.t, err)
	for _, text := range texts {
		_, err := fmt.Fprintf(f, "%s stderr %s %s\n", logTime.Format(time.RFC3339Nano), tag, text)
		require.NoError(l.t, err)
	}
	require.NoError(l.t, f.Close())
}

// rotate does what kubelet does with a file that has become too long.
func (l containerLog) rotate() {
	l.t.Helper()
	require.NoError(l.t, os.Rename(l.path, l.path+".20260102-030405"))
}

func numbered(from, to int) []string {
	var texts []string
	for i := from; i <= to; i++ {
		texts = append(texts, fmt.Sprintf("line %d", i))
	}
	return texts
}

// startReading starts an agent on a node that it is new to, and returns once it reads the file: what was in it before is
// left alone.
func (c *cluster) startReading(t *testing.T, l containerLog) agent {
	t.Helper()
	l.write("F", "from before")
	a := c.startAgent(t)
	harness.Wait(t, 60*time.Second, "the agent reads the file", func() bool {
		l.write("F", "are you there?")
		return len(c.received(lines, "are you there?")) > 0
	})
	return a
}

func (c *cluster) waitForLines(t *testing.T, texts ...string) {
	t.Helper()
	harness.Wait(t, 30*time.Second, "lines arrive", func() bool {
		arrived := c.arrived()
		for _, text := range texts {
			if arrived[text] == 0 {
				return false
			}
		}
		return true
	})
}

// arrived returns how often each line arrived.
func (c *cluster) arrived() map[string]int {
	times := map[string]int{}
	for _, g := range c.gateways {
		g.mu.Lock()
		for _, line := range g.lines {
			times[line.text]++
		}
		g.mu.Unlock()
	}
	return times
}

// waitForPlaces returns once the agent has noted what it has read, and what has arrived.
func (c *cluster) waitForPlaces(t *testing.T, a agent) {
	t.Helper()
	harness.Wait(t, 60*time.Second, "the agent knows what has arrived", func() bool {
		return a.Sum("otelcol_exporter_sent_log_records") >= float64(c.gateways[0].otlp.Stats().Records) &&
			a.Sum("otelcol_exporter_queue_size", "exporter", "otlp_grpc/logs") == 0
	})
	now := time.Now()
	harness.Wait(t, 60*time.Second, "the places in the files are noted", func() bool {
		found, err := filepath.Glob(filepath.Join(c.state, "receiver_*"))
		if err != nil || len(found) != 1 {
			return false
		}
		info, err := os.Stat(found[0])
		return err == nil && info.ModTime().After(now)
	})
}

// Every line arrives once, whatever happens between: the agent is killed, the file rotated meanwhile, and another pod begins.
func TestTheAgentReadsEachLineOnce(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.put(t, pod("shop", shopUID, agentNode, "127.0.0.8", nil))
	c.put(t, pod("cart", cartUID, agentNode, "127.0.0.9", nil))
	shop := c.newLog(t, podName("shop"), shopUID, "server")
	first := c.startReading(t, shop)
	own := c.newLog(t, "otelcol-slo-agent-abcde", adminUID, "otelcol-slo-agent")
	own.write("F", "my own")
	shop.write("F", numbered(1, 50)...)
	shop.write("P", "a line ", "in three ")
	shop.write("F", "parts")
	c.waitForLines(t, append(numbered(1, 50), "a line in three parts")...)
	c.waitForPlaces(t, first)

	first.Crash()
	shop.write("F", numbered(51, 60)...)
	shop.rotate()
	shop.write("F", numbered(61, 70)...)
	cart := c.newLog(t, podName("cart"), cartUID, "server")
	cart.write("F", "from the cart")
	second := c.startAgent(t)
	shop.write("F", numbered(71, 80)...)
	c.waitForLines(t, append(numbered(51, 80), "from the cart")...)
	second.StopWithin(20 * time.Second)
	shop.write("F", numbered(81, 90)...)
	third := c.startAgent(t)
	c.waitForLines(t, numbered(81, 90)...)
	third.StopWithin(20 * time.Second)

	arrived := c.arrived()
	for _, text := range append(numbered(1, 90), "a line in three parts", "from the cart") {
		require.Equal(t, 1, arrived[text], text)
	}
	require.Zero(t, arrived["from before"])
	require.Zero(t, arrived["my own"])
	line := c.received(lines, "line 1")[0]
	requireSubset(t, identity("shop", shopUID), line.resource, line.text)
	require.Equal(t, logTime, line.time)
	require.Equal(t, "stderr", line.attributes["log.iostream"])
	requireSubset(t, identity("cart", cartUID), c.received(lines, "from the cart")[0].resource, "the cart")
}

// An agent that is killed while lines come in loses none of them. It may send some again: those whose place in the file it
// had not noted, and those whose arrival it had not heard of.
func TestTheAgentLosesNoLineWhenItIsKilled(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	log := c.newLog(t, podName("shop"), shopUID, "server")
	a := c.startReading(t, log)
	written := 0
	for round := range 5 {
		first, ticks := fmt.Sprintf("line %d", written+1), 5*round // so that it is killed at different times between two polls
		harness.Wait(t, 60*time.Second, "lines arrive while others are written", func() bool {
			log.write("F", numbered(written+1, written+20)...)
			written += 20
			if c.arrived()[first] > 0 {
				ticks--
			}
			return ticks < 0
		})
		a.Crash()
		a = c.startAgent(t)
	}
	c.waitForLines(t, numbered(1, written)...)
	a.StopWithin(20 * time.Second)
	again := -written
	for text, times := range c.arrived() {
		if strings.HasPrefix(text, "line ") {
			again += times
		}
	}
	t.Logf("%d lines, %d sent again", written, again)
}
