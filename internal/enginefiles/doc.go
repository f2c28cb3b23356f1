// Package enginefiles keeps an engine up to date with the files that a door is configured by: the file of policies and those of SLOs.
// They are looked at every ten seconds; what has changed is put in force, what is broken changes nothing and is told once.
//
// Policies and SLOs share the attribute keys that there may be: what the engine refused because of the others is tried again when
// these have changed.
package enginefiles
