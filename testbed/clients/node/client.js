// Does what an instrumented shop does, with the OpenTelemetry SDK for Node as it comes: OTEL_* of the environment say where
// and how it sends. Then it prints what it sent, as JSON. The client for Go (testbed/clients/go) does and prints the same.
'use strict';

const { context, metrics, trace, SpanKind, SpanStatusCode } = require('@opentelemetry/api');
const { logs, SeverityNumber } = require('@opentelemetry/api-logs');
const { NodeSDK } = require('@opentelemetry/sdk-node');

const orders = 300; // how many are taken: with two spans each they are more than one batch of 512
const slowness = 900; // how many milliseconds the slow order takes, by its times

const sent = { failed: '', slow: '', spans: [], metrics: [], logs: [] };
const sizes = []; // observed

const sdk = new NodeSDK();
sdk.start();

const tracer = trace.getTracer('shop');
const logger = logs.getLogger('shop');
const meter = metrics.getMeter('shop');
const count = meter.createCounter('shop.orders', { unit: '{order}' });
const size = meter.createHistogram('shop.request.size', { unit: 'By' });
const open = meter.createUpDownCounter('shop.open', { unit: '{order}' });
meter.createObservableGauge('shop.stock', { unit: '{item}' }).addCallback((result) => result.observe(41.5));

function take(i) {
  const root = tracer.startSpan('POST /orders', {
    kind: SpanKind.SERVER, attributes: { 'http.request.method': 'POST', 'http.route': '/orders' },
  });
  const within = trace.setSpan(context.active(), root);
  const child = tracer.startSpan('SELECT stock', { kind: SpanKind.CLIENT }, within);
  child.end();
  ended(child);

  sizes.push(7 * (i % 50));
  size.record(7 * (i % 50));
  count.add(1, { outcome: 'taken' });
  open.add(1);
  log(within, SeverityNumber.INFO, 'order taken', { order: i });
  root.setAttribute('http.response.status_code', 201);
  root.end();
  ended(root);
  return root.spanContext();
}

function refuse(before) {
  const root = tracer.startSpan('POST /orders', {
    kind: SpanKind.SERVER,
    links: [{ context: before }],
    attributes: {
      'http.request.method': 'POST', 'http.route': '/orders',
      'order.weight': 1.5, 'order.express': true, 'order.items': ['tea', 'Bücher'],
    },
  });
  const within = trace.setSpan(context.active(), root);
  const child = tracer.startSpan('SELECT stock', { kind: SpanKind.CLIENT }, within);
  child.recordException(new Error('out of stock'));
  child.setStatus({ code: SpanStatusCode.ERROR, message: 'out of stock' });
  child.end();
  ended(child);

  root.addEvent('refused', { 'order.tries': 2 });
  count.add(1, { outcome: 'refused' });
  open.add(-1);
  log(within, SeverityNumber.ERROR, 'order refused', { reason: 'out of stock', weight: 1.5 });
  root.setAttribute('http.response.status_code', 503);
  root.setStatus({ code: SpanStatusCode.ERROR, message: 'order refused' });
  root.end();
  ended(root);
  return root.spanContext();
}

function dawdle() {
  const now = Date.now();
  const root = tracer.startSpan('GET /stock', { kind: SpanKind.SERVER, startTime: now - slowness });
  root.end(now);
  ended(root);
  return root.spanContext();
}

function log(within, severity, body, attributes) {
  logger.emit({ context: within, severityNumber: severity, body, attributes });
  const { traceId, spanId } = trace.getSpanContext(within);
  sent.logs.push({ trace_id: traceId, span_id: spanId, severity, body, attributes });
}

// ended notes a span that ended, as the SDK has it.
function ended(span) {
  const { traceId, spanId } = span.spanContext();
  sent.spans.push({
    trace_id: traceId, span_id: spanId, parent_id: span.parentSpanContext?.spanId ?? '',
    name: span.name, kind: SpanKind[span.kind], status: SpanStatusCode[span.status.code], message: span.status.message ?? '',
    start: nanos(span.startTime), end: nanos(span.endTime), attributes: span.attributes,
    events: span.events.map((e) => ({ name: e.name, time: nanos(e.time), attributes: e.attributes })),
    links: span.links.map((l) => ({ trace_id: l.context.traceId, span_id: l.context.spanId })),
  });
}

function nanos([seconds, rest]) {
  return String(BigInt(seconds) * 1_000_000_000n + BigInt(rest));
}

async function main() {
  let last;
  for (let i = 0; i < orders; i++) {
    last = take(i);
  }
  sent.failed = refuse(last).traceId;
  sent.slow = dawdle().traceId;
  sent.metrics = [
    { name: 'shop.orders', attributes: { outcome: 'taken' }, value: orders },
    { name: 'shop.orders', attributes: { outcome: 'refused' }, value: 1 },
    { name: 'shop.request.size', observations: sizes },
    { name: 'shop.open', value: orders - 1 },
    { name: 'shop.stock', value: 41.5 },
  ];
  await sdk.shutdown();
  console.log(JSON.stringify(sent));
}

main().catch((err) => {
  console.error(err);
  process.exitCode = 1;
});
