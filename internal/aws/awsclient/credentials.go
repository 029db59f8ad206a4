package awsclient

import (
	"cmp"
	"errors"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
)

// credentialFaults says what is wrong with credentials that AWS refuses. Services have different codes and texts for
// the same cause.
var credentialFaults = map[string]string{
	"ExpiredToken": "they have expired", "ExpiredTokenException": "they have expired",
	CodeRequestExpired:      "they have expired",
	"SignatureDoesNotMatch": "their signature is wrong", "InvalidSignatureException": "their signature is wrong",
	"IncompleteSignature": "their signature is wrong",
	"AuthFailure":         "AWS does not know them", "InvalidClientTokenId": "AWS does not know them",
	"UnrecognizedClientException": "AWS does not know them",
	"MissingAuthenticationToken":  "AWS does not know them",
}

// rejectsCredentials reports whether AWS refused a call because of its credentials.
func (e Error) rejectsCredentials() bool { return !e.Credentials && credentialFaults[e.Code] != "" }

// Lack returns what the controller lacks according to the error of a call: credentials, or the permission for an
// action. ok is false if the error shows neither. The condition for a permission has the action as its Text.
func Lack(operation string, err error) (_ impairment.Condition, ok bool) {
	e := Classify(err)
	switch {
	case e.Credentials, e.rejectsCredentials():
		return rejectedCondition(err), true
	case e.Class != diag.Denied:
		return impairment.Condition{}, false
	}
	action := operation
	if m := deniedAction.FindStringSubmatch(e.Message); m != nil {
		action = m[1]
	} else {
		action = cmp.Or(actionOf(operation), action)
	}
	return impairment.Condition{Reason: impairment.Permissions, Text: action}, true
}

// rejectedCondition returns the condition for missing credentials, or for credentials that AWS refused. Its text is
// the same for all calls that fail for one cause.
func rejectedCondition(err error) impairment.Condition {
	if e := Classify(err); !e.Credentials {
		return impairment.Condition{Reason: impairment.Credentials, Text: "AWS does not accept the credentials: " +
			credentialFaults[e.Code], Remedy: impairment.CheckCredentials}
	}
	if sent := (*smithy.OperationError)(nil); errors.As(err, &sent) {
		err = sent.Err
	}
	return credentialsCondition(err)
}

// credentialsCondition is that of an error of the source of credentials.
func credentialsCondition(err error) impairment.Condition {
	if other := (*OtherAccountError)(nil); errors.As(err, &other) {
		return impairment.Condition{Reason: impairment.Credentials, Text: other.Error(), Remedy: impairment.KeepAccount}
	}
	text := SteadyText(err.Error())
	_, source, found := strings.Cut(text, "failed to refresh cached credentials, ")
	if found {
		text = source
	}
	remedy := impairment.GiveRole
	call := (*smithy.OperationError)(nil)
	switch {
	case errors.As(err, &call) && call.Operation() == "AssumeRoleWithWebIdentity":
		text, remedy = "WebIdentityErr: "+call.Operation()+": "+codeAnd(classify(err)), impairment.TrustServiceAccount
	case strings.Contains(text, "failed to retrieve jwt"), strings.Contains(text, "WebIdentity"):
		remedy = impairment.TrustServiceAccount
	case strings.Contains(text, "endpoint credentials"), strings.Contains(text, "failed to load credentials"),
		strings.Contains(text, "authorization token"):
		remedy = impairment.AssociateRole
	}
	return impairment.Condition{Reason: impairment.Credentials, Text: "no credentials for AWS: " + strings.TrimRight(text,
		". "), Remedy: remedy}
}

// unreadableConfig is the condition of AWS configuration that cannot be loaded.
func unreadableConfig(err error) error {
	return impairment.Condition{Reason: impairment.Credentials, Text: "loading AWS configuration: " +
		SteadyText(err.Error()), Remedy: "correct the file or the environment variable that the error " +
		"names, such as AWS_PROFILE"}
}
