// Package diag holds diagnostics: a problem or a note, its object and field, the reason, and a remedy, with the table
// of their codes. Front ends, the compiler, awsclient and apply make diagnostics, and package reporting reports them.
// The class of a diagnostic decides about retries, elsewhere. The package is pure.
package diag

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
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
	// Guard reports that the part without effect restricts or protects requests. A controller that serves the rest of the
	// object without this part exposes the object.
	Guard bool `json:"-"`
	// Misspelt reports that a name is misspelt. A controller that does not look for misspellings applies the default.
	Misspelt bool `json:"-"`
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

// New makes a diagnostic with the class and, if there is one, the scope of its code.
func New(o Object, path string, c Code, text, remedy string) Diagnostic {
	return Diagnostic{
		Object: o, Path: strings.ToValidUTF8(path, "\uFFFD"), Code: c, Class: table[c].Class, Scope: scopes[c],
		Text: brief(text), Remedy: brief(remedy),
	}
}

// maxText bounds the text of a diagnostic in bytes: texts quote values of users, which may be a megabyte, and are sent
// in events, conditions and HTTP headers.
const maxText = 1024

// brief leaves out the middle of a text that is too long: the beginning has the problem, the end the cause. The result
// is valid UTF-8, as the API server requires.
func brief(s string) string {
	if len(s) > maxText {
		const half = (maxText - len(ellipsis)) / 2
		s = s[:half] + ellipsis + s[len(s)-half:]
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

const ellipsis = " […] "

// Phase is when a diagnostic was made. The event reasons FailedBuildModel and FailedDeployModel, on which alerts of
// users are based, distinguish the phases whatever the code: a certificate may be missing while the model is built, and
// refused when the controller creates its listener.
type Phase string

// Phases.
const (
	Building  Phase = "build"  // while objects and the state of AWS were read and compiled
	Deploying Phase = "deploy" // while AWS was written to
	Marking   Phase = "mark"   // while finalizers were added
	Releasing Phase = "release"
	Showing   Phase = "show"  // while the status was written
	Clearing  Phase = "clear" // while the status was cleared
)

// reasons are those of phases in which the API server is written to.
var reasons = map[Phase]EventReason{Marking: FailedAdd, Releasing: FailedRemove, Showing: FailedStatus,
	Clearing: FailedCleanupStatus}

// Reason returns the event reason of the diagnostic: that of its code, or of its phase if that differs.
func (d Diagnostic) Reason() EventReason {
	reason := table[d.Code].Reason
	if r, ok := reasons[d.Phase]; ok {
		return r
	}
	switch {
	case d.Phase == Building && reason == FailedDeployModel:
		return FailedBuildModel
	case d.Phase == Deploying && (reason == FailedBuildModel || reason == FailedLoadGroupID):
		return FailedDeployModel
	}
	return reason
}

// Visible returns a text on one line without what a terminal, a log or a page carries out or hides: control characters,
// line breaks, and characters without a form, such as those that turn the direction of text, are written as escapes.
// Values of annotations, hosts and paths are whatever somebody has written, and findings and plans quote them.
func Visible(s string) string {
	if !strings.ContainsFunc(s, hidden) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		_, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case !hidden(r):
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	return b.String()
}

// hidden reports whether a character has no form of its own. It is true for invalid UTF-8.
func hidden(r rune) bool {
	return r == utf8.RuneError || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co)
}

// style is what texts of this program use to change colours.
var style = regexp.MustCompile(`\x1b\[(0|1|2|3[1-6])m`)

// VisibleStyled is Visible of a text that may have colours of this program.
func VisibleStyled(s string) string {
	var b strings.Builder
	for {
		at := style.FindStringIndex(s)
		if at == nil {
			b.WriteString(Visible(s))
			return b.String()
		}
		b.WriteString(Visible(s[:at[0]]) + s[at[0]:at[1]])
		s = s[at[1]:]
	}
}

// Denial is what admission of the API server says when it refuses a write.
type Denial struct {
	By      string // the policy, webhook or quota, with its kind
	Message string // what it asks for
	look    string // the command that shows it
	cure    string // empty = exempt the controller, or meet the policy
}

// policies are how the engines of admission word their refusals. The first group of each is a name.
var policies = []struct {
	kind, look, cure string
	text             *regexp.Regexp
}{
	{
		kind: "ValidatingAdmissionPolicy ", look: "kubectl get validatingadmissionpolicy NAME -o yaml",
		text: regexp.MustCompile(`ValidatingAdmissionPolicy '([^']+)' with binding '[^']*' denied request(?:: )?`),
	},
	{
		kind: "MutatingAdmissionPolicy ", look: "kubectl get mutatingadmissionpolicy NAME -o yaml",
		text: regexp.MustCompile(`(?:MutatingAdmissionPolicy|policy) '([^']+)' with binding '[^']*' denied request(?:: )?`),
	},
	{
		kind: "admission webhook ", look: "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations -o yaml",
		text: regexp.MustCompile(
			`admission webhook "([^"]+)" (?:attempted to modify the object|denied the request)(?: without explanation|, which is not supported[^:]*)?(?:: )?`),
	},
	{
		kind: "admission webhook ", look: "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations -o yaml",
		cure: "have it answer; until then the API server refuses the write",
		text: regexp.MustCompile(`failed calling webhook "([^"]+)"(?:: )?`),
	},
	{
		kind: "ResourceQuota ", look: "kubectl get resourcequota NAME -n NAMESPACE -o yaml",
		cure: "raise the quota, or delete unneeded objects",
		text: regexp.MustCompile(`(?:exceeded|failed) quota: ([a-z0-9.-]+)(?:[,:] )?`),
	},
	{
		kind: "Pod Security Standard ", look: "kubectl get namespace NAMESPACE --show-labels",
		text: regexp.MustCompile(`violates PodSecurity "([^"]+)"(?:: )?`),
	},
}

// DenialOf reads an error of the API server; ok is false if it is none of a policy engine, a webhook or a quota.
func DenialOf(text string) (_ Denial, ok bool) {
	text = strings.Join(strings.Fields(text), " ") // Kyverno writes several lines
	for _, p := range policies {
		at := p.text.FindStringSubmatchIndex(text)
		if at == nil {
			continue
		}
		name := text[at[2]:at[3]]
		return Denial{
			By: p.kind + name, Message: text[at[1]:],
			look: strings.ReplaceAll(p.look, "NAME ", name+" "), cure: p.cure,
		}, true
	}
	return Denial{}, false
}

// exemption is what helps against each policy that refuses an edit.
const exemption = "meet its conditions, or exempt the controller's service account from it"

// labelled is what helps against policies that ask for labels on what the controller creates.
const labelled = exemption +
	"; --object-labels and --copied-labels (chart: objectLabels, copiedLabels) put labels on the objects that the " +
	"controller creates"

// Of returns the text and the remedy of a finding that admission refuses a write. what names what is written; created
// reports that this is an object that the controller creates.
func (d Denial) Of(what Object, created bool) (text, remedy string) {
	cure := d.cure
	switch {
	case cure != "":
	case created:
		cure = labelled
	default:
		cure = exemption
	}
	text = d.By + " refuses " + what.String()
	if d.Message != "" {
		text += ": " + d.Message
	}
	return strings.TrimRight(text, ". "), cure + "; see " + strings.ReplaceAll(d.look, "NAMESPACE", what.Namespace)
}
