package awsclient

import (
	"errors"
	"regexp"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
)

// problemCodes are the diagnostics of error classes; codes in problemOf override them.
var problemCodes = map[diag.Class]diag.Code{
	diag.Invalid:     diag.AWSRejected,
	diag.Denied:      diag.AccessDenied,
	diag.Credentials: diag.CredentialsRefused,
	diag.Quota:       diag.QuotaExceeded,
	diag.Throttled:   diag.RateExceeded,
	diag.Conflict:    diag.AWSRejected,
	diag.NotFound:    diag.AWSRejected,
	diag.Transient:   diag.AWSUnavailable,
}

// problemOf are the AWS codes with a more specific diagnostic than their class.
var problemOf = map[string]diag.Code{
	"DuplicateLoadBalancerName": diag.NameTaken,
	"DuplicateTargetGroupName":  diag.NameTaken,
	"InvalidGroup.Duplicate":    diag.NameTaken,
	"CertificateNotFound":       diag.CertificateNotFound,
	"UnsupportedCertificate":    diag.CertificateNotFound,
	"SubnetNotFound":            diag.InvalidSubnets,
	"InvalidSubnetID.NotFound":  diag.InvalidSubnets,
	"InvalidSubnet":             diag.InvalidSubnets,
	"InvalidSecurityGroup":      diag.SecurityGroupNotFound,
	CodeGroupNotFound:           diag.SecurityGroupNotFound,
	"TargetGroupNotFound":       diag.TargetGroupNotFound,
}

var remedies = map[diag.Code]string{
	diag.AWSRejected:           "correct the setting that AWS names",
	diag.QuotaExceeded:         "ask AWS for a higher quota, or remove what is not needed",
	diag.RateExceeded:          "nothing to do: the controller slows down and continues",
	diag.CredentialsRefused:    impairment.CheckCredentials,
	diag.NameTaken:             "choose another name; the one that has it may serve others",
	diag.CertificateNotFound:   "give the ARN of an issued certificate of the same region",
	diag.InvalidSubnets:        "name subnets that exist in the VPC and have enough free addresses",
	diag.SecurityGroupNotFound: "name a security group that exists in the VPC",
	diag.TargetGroupNotFound:   "name a target group that exists",
	diag.AWSUnavailable:        "nothing to do: the controller tries again",
}

// Problem turns an error of an AWS call into a diagnostic. operation names the call, for denials its permission. It
// may be empty, because errors of the SDK name the call. The caller sets Object and Path.
func Problem(operation string, err error) diag.Diagnostic {
	if role := (*RoleError)(nil); errors.As(err, &role) {
		return roleProblem(role)
	}
	if op := (*smithy.OperationError)(nil); operation == "" && errors.As(err, &op) {
		operation = op.Operation()
	}
	call := operation
	if action := actionOf(operation); action != "" && IsRead(operation) {
		call = action
	}
	e := Classify(err)
	code, ok := problemOf[e.Code]
	if !ok {
		code = problemCodes[e.Class]
	}
	text := withoutEncoded(codeAnd(e))
	switch refused := e.Code != "" && e.Message != "" && e.Class != diag.Throttled && e.Class != diag.Transient; {
	case e.rejectsCredentials(): // the same for all calls
		text = "AWS does not accept the controller's credentials: " + text
	case operation != "" && e.Unanswered == "" && refused:
		message := strings.TrimRight(withoutEncoded(e.Message), ". ")
		text = "AWS refused " + call + ": " + message + " (" + e.Code + ")"
	case operation != "" && e.Unanswered == "":
		text = call + ": " + text
	}
	remedy := remedies[code]
	if code == diag.AccessDenied {
		remedy = deniedRemedy(operation, e.Message)
	}
	if e.Credentials {
		text = "no credentials for AWS: " + e.Message
		if e.Class == diag.Credentials {
			remedy = impairment.TrustServiceAccount
		}
	}
	if other := (*OtherAccountError)(nil); errors.As(err, &other) {
		text, remedy = other.Error(), impairment.KeepAccount
	}
	d := diag.New(diag.Object{}, "", code, strings.TrimRight(text, ". "), remedy)
	d.Class, d.RequestID = e.Class, e.RequestID
	return d
}

// withoutEncoded removes what EC2 adds to a refusal: some hundred characters that differ each time. The log has them,
// for aws sts decode-authorization-message.
func withoutEncoded(text string) string {
	text, _, _ = strings.Cut(text, " Encoded authorization failure message:")
	return text
}

// deniedAction and deniedResource match AWS's text for what it denies. The action may differ from that of the call: a
// rule with a Cognito login needs cognito-idp:DescribeUserPoolClient.
var (
	deniedAction   = regexp.MustCompile(`not authorized to perform: ([a-z0-9-]+:[A-Za-z0-9]+)`)
	deniedResource = regexp.MustCompile(`on resource: (arn:\S+)`)
)

// Denial returns the action and the ARN of the resource that the message of a denied call names; each is empty if the
// message does not name it.
func Denial(message string) (action, resource string) {
	if m := deniedAction.FindStringSubmatch(message); m != nil {
		action = m[1]
	}
	if m := deniedResource.FindStringSubmatch(message); m != nil {
		resource = m[1]
	}
	return action, resource
}

// actionOf is the IAM action that allows an operation of another service than Global Accelerator; empty = not known.
func actionOf(operation string) string {
	for _, service := range []string{"elasticloadbalancing", "ec2", "acm", "route53", "sts", "tag", "wafv2", "shield",
		"s3",
		"cognito-idp"} {
		if action := service + ":" + operation; statementsOf[action] != "" {
			return action
		}
	}
	return ""
}

func deniedRemedy(operation, message string) string {
	action := actionOf(operation)
	if named, _ := Denial(message); named != "" {
		action = named
	}
	if action == "" {
		return "allow the controller's role the action that AWS names"
	}
	remedy := "allow the controller's role the action " + action
	if place := statementsOf[action]; place != "" {
		remedy += " (" + place + " of lbc iam-policy)"
	}
	return remedy
}
