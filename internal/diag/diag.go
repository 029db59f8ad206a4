// Package diag holds diagnostics: what is wrong (or worth a note), with which object and field, why, and what to do.
// It decides nothing about retries or AWS; front ends, the compiler, cloud and apply produce diagnostics, status shows them.
// It imports nothing but the standard library.
package diag

import (
	"fmt"
	"strings"
)

// Object names the Kubernetes object that a diagnostic belongs to.
type Object struct {
	Kind      string // "Ingress", "Service", "TargetGroupBinding", "IngressClassParams", ...
	Namespace string // empty for cluster-scoped kinds
	Name      string
	UID       string // may be empty where it is not known (offline plans)
}

// String is "Kind namespace/name".
func (o Object) String() string {
	if o.Namespace == "" {
		return o.Kind + " " + o.Name
	}
	return o.Kind + " " + o.Namespace + "/" + o.Name
}

// Class says how a failure behaves. It alone decides retry and event type.
type Class string

// Classes.
const (
	Invalid   Class = "invalid"   // the object must change; retrying is useless
	Denied    Class = "denied"    // AWS refused by permission
	Quota     Class = "quota"     // an AWS limit is reached
	Throttled Class = "throttled" // AWS asked for fewer calls
	Conflict  Class = "conflict"  // two wishes, or a wish and the account, disagree
	NotFound  Class = "notFound"  // something referred to does not exist (yet)
	Transient Class = "transient" // anything that may pass by itself
	Note      Class = "note"      // nothing failed: something has no effect, or is worth knowing
)

// Code is a stable, machine-readable reason. Every code is declared in codes.go with its class and event reason.
type Code string

// Diagnostic is one finding. The zero value is not valid.
type Diagnostic struct {
	Object    Object
	Path      string // field path or annotation, e.g. "metadata.annotations[alb.ingress.kubernetes.io/scheme]", "spec.rules[0].http.paths[1].backend"
	Code      Code
	Text      string // what is wrong and why, lower case, no final stop
	Remedy    string // what the person can do, lower case, no final stop; may be empty only for Transient
	RequestID string // AWS request id, if an AWS call was refused
	Class     Class  // filled from the code's table unless the producer knows better (errors classified by cloud)
	Phase     Phase  // when it was met; empty = the code says it
	Scope     Scope  // what the mistake costs; filled from the code where it is always the same, else by the producer
}

// Error makes a diagnostic usable as an error value.
func (d Diagnostic) Error() string { return d.Message() }

// Message is the sentence shown in events and on the command line.
func (d Diagnostic) Message() string {
	var b strings.Builder
	b.WriteString(d.Text)
	if d.Path != "" {
		fmt.Fprintf(&b, " (%s)", d.Path)
	}
	if d.Remedy != "" {
		b.WriteString("; " + d.Remedy)
	}
	fmt.Fprintf(&b, " [%s]", d.Code)
	if d.RequestID != "" {
		fmt.Fprintf(&b, " (request id %s)", d.RequestID)
	}
	return b.String()
}

// List is an ordered collection of diagnostics.
type List []Diagnostic

// HasErrors reports whether any entry is more than a Note.
func (l List) HasErrors() bool {
	for _, d := range l {
		if d.Class != Note {
			return true
		}
	}
	return false
}
