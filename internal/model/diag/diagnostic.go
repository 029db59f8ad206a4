package diag

import "strings"

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
