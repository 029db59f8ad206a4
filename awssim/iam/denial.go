package iam

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/iam/policy"
)

// refusals are the code and status of denials where they are not those of the JSON services.
var refusals = map[string]struct {
	code   string
	status int
}{
	"ec2":                  {"UnauthorizedOperation", http.StatusForbidden},
	"elasticloadbalancing": {"AccessDenied", http.StatusForbidden},
	"route53":              {"AccessDenied", http.StatusForbidden},
	"s3":                   {"AccessDenied", http.StatusForbidden},
	"iam":                  {"AccessDenied", http.StatusForbidden},
	"sts":                  {"AccessDenied", http.StatusForbidden},
}

// denial is a decision that forbids a request of a caller.
type denial struct {
	caller   *caller
	decision policy.Decision
	request  *policy.Request
}

// answer is the answer of a service to the call. IAM User Guide, "Troubleshoot access denied error messages". EC2 adds
// details of the decision, encoded, to its denials of actions that change something.
func (d denial) answer(a *account.Account, service, action string) *apierr.Error {
	text := d.sentence()
	if service == "ec2" {
		text = "You are not authorized to perform this operation. " + text
		if !strings.HasPrefix(action, "Describe") && !strings.HasPrefix(action, "Get") {
			text += ". Encoded authorization failure message: " + encode(a.ID, d.details())
		}
	}
	if refused, ok := refusals[service]; ok {
		return apierr.WithStatus(refused.status, refused.code, "%s", text)
	}
	return apierr.New("AccessDeniedException", "%s", text)
}

func (d denial) sentence() string {
	text := fmt.Sprintf("User: %s is not authorized to perform: %s", d.caller.arn, d.request.Action)
	if d.request.Resource != "*" {
		text += " on resource: " + d.request.Resource
	}
	if d.decision.Explicit {
		article := "a"
		if d.decision.By == policy.Identity {
			article = "an"
		}
		return fmt.Sprintf("%s with an explicit deny in %s %s", text, article, d.decision.By)
	}
	return fmt.Sprintf("%s because no %s allows the %s action", text, d.decision.By, d.request.Action)
}
