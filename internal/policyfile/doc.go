// Package policyfile reads sampling policies from a file, and tells when it has changed, so that doors can change what is
// kept without a restart:
//
//	policies:
//	  - {name: errors, type: status_code, status_code: {status_codes: [ERROR]}}
//	shadow_policies:
//	  - ...
//
// The keys and their meaning are those of the `sampling:` block. It has no goroutine: who has a source asks from time to time.
package policyfile
