package diag

import (
	"regexp"
	"strings"
)

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
