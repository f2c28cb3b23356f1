package otlpsloreceiver

import (
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"
)

// signalKind is one of OTLP's signals that the receiver takes.
type signalKind uint8

const (
	signalTraces signalKind = iota
	signalMetrics
	signalLogs

	signals
)

var signalNames = [signals]string{"traces", "metrics", "logs"}

// transport is a way that requests come.
type transport uint8

const (
	transportGRPC transport = iota
	transportHTTP

	transports
)

var transportNames = [transports]string{"grpc", "http"}

// door is what the servers of both protocols share.
type door struct {
	logger         *zap.Logger
	telemetry      component.TelemetrySettings
	inFlight       *inFlight
	refused        *refused
	receiveTimeout time.Duration
	// intakes are the signals' ways in, nil for those that nobody takes.
	intakes [signals]intake
	// stopping refuses every request.
	stopping atomic.Bool
}
