// Package whypage answers, over HTTP, why a trace was kept or dropped:
//
//	GET /why/{trace id, 32 hexadecimal digits}
//
// The answer is JSON, 200 also for a trace that nobody knows; 400 for what is no trace id.
package whypage
