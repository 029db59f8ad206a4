// Package diag holds diagnostics: a problem or a note, its object and field, the reason, and a remedy, with the table
// of their codes. Front ends, the compiler, awsclient and apply make diagnostics, and package reporting reports them.
// The class of a diagnostic decides about retries, elsewhere. The package is pure.
package diag

import (
	"fmt"
	"slices"
	"strings"
)

// Object names the Kubernetes object that a diagnostic belongs to.
type Object struct {
	Kind      string // "Ingress", "Service", "TargetGroupBinding", "IngressClassParams", ...
	Namespace string // empty for cluster-scoped kinds
	Name      string
	UID       string // may be empty if it is not known (offline plans)
}

// Plural returns the plural of a kind.
func Plural(kind string) string {
	if strings.HasSuffix(kind, "s") {
		return kind + "es"
	}
	return kind + "s"
}

// Some lists the first five of some texts, and how many more there are.
func Some(texts []string) string { return First(texts, 5, ", ") }

// First joins the first of some texts, most of them at most, and says how many more there are.
func First(texts []string, most int, separator string) string {
	if len(texts) <= most {
		return strings.Join(texts, separator)
	}
	last := separator
	if last == ", " {
		last = " "
	}
	return fmt.Sprintf("%s%sand %d more", strings.Join(texts[:most], separator), last, len(texts)-most)
}

// String is "Kind namespace/name".
func (o Object) String() string {
	if o.Namespace == "" {
		return o.Kind + " " + o.Name
	}
	return o.Kind + " " + o.Namespace + "/" + o.Name
}

// Class is the kind of a failure. Retries and event types depend on it only.
type Class string

// Classes.
const (
	Invalid     Class = "invalid"     // the object must be edited; a retry has no effect
	Denied      Class = "denied"      // a permission is missing, or a policy of the cluster refuses a write
	Credentials Class = "credentials" // AWS does not accept the controller's credentials, whatever the call
	Quota       Class = "quota"       // an AWS limit is reached
	Throttled   Class = "throttled"   // AWS throttles calls
	Conflict    Class = "conflict"    // declarations, or a declaration and the account, disagree
	NotFound    Class = "notFound"    // a referenced object or resource does not exist (yet)
	Transient   Class = "transient"   // a retry may succeed
	Note        Class = "note"        // nothing failed: a setting has no effect, or a state is worth knowing
)

// Code is a stable, machine-readable reason. Every code is declared in codes.go with its class and event reason.
type Code string

// Diagnostic is one finding. The zero value is not valid.
type Diagnostic struct {
	Object Object
	// field path or annotation, e.g. "metadata.annotations[alb.ingress.kubernetes.io/scheme]",
	// "spec.rules[0].http.paths[1].backend"
	Path      string
	Code      Code
	Text      string // what is wrong and why, lower case, no final stop
	Remedy    string // what the user can do, lower case, no final stop; may be empty only for Transient
	RequestID string // AWS request id, if an AWS call was refused
	Class     Class  // that of the code, unless the producer sets another one (awsclient classifies errors)
	Phase     Phase  // when it was made; empty = by the code
	Scope     Scope  // what the problem affects; that of the code, unless the producer sets another one
	Port      int32  // of the listener that is not made or changed because of it; 0 = none
	// Absent reports that a missing object is the cause, of a code that has other causes, too: whoever reads files only
	// may lack its file.
	Absent bool `json:"-"`
}

// Error makes a diagnostic usable as an error value.
func (d Diagnostic) Error() string { return d.Message() }

// Message returns the sentence shown in events and on the command line.
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
	return Visible(b.String())
}

// Severity is how a finding is shown.
type Severity string

// Severities, from the highest.
const (
	Error   Severity = "error"
	Warning Severity = "warning" // nothing failed, and the object does not get what it asks for
	Remark  Severity = "note"
)

// Severity is Error unless the class is Note. What a condition of a route reports is an error of this route only: the
// class is Note, so that the route of one tenant fails nothing of the load balancer.
func (d Diagnostic) Severity() Severity {
	switch {
	case d.Class != Note, d.Code == BackendUnresolved, d.Code == RouteNotAttached:
		return Error
	case d.Code == UnknownAnnotation, d.Code == EndedSupport, d.Code == GuardNotApplied, d.Code == NoTargets,
		d.Code == HostWithoutCertificate, d.Code == HostNotCovered:
		return Warning
	}
	return Remark
}

// List is an ordered collection of diagnostics.
type List []Diagnostic

// HasErrors reports whether any entry is more than a Note.
func (l List) HasErrors() bool {
	return slices.ContainsFunc(l, func(d Diagnostic) bool { return d.Class != Note })
}
