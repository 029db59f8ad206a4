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

// denial is the answer of a service to a call that the decision forbids. IAM User Guide, "Troubleshoot access denied error
// messages". EC2 adds details of the decision, encoded, to its denials of actions that change something.
func denial(a *account.Account, service, action string, who *caller, d policy.Decision, r *policy.Request) *apierr.Error {
	text := sentence(who, d, r)
	if service == "ec2" {
		text = "You are not authorized to perform this operation. " + text
		if !strings.HasPrefix(action, "Describe") && !strings.HasPrefix(action, "Get") {
			text += ". Encoded authorization failure message: " + encode(a.ID, explain(who, d, r))
		}
	}
	if refused, ok := refusals[service]; ok {
		return apierr.WithStatus(refused.status, refused.code, "%s", text)
	}
	return apierr.New("AccessDeniedException", "%s", text)
}

func sentence(who *caller, d policy.Decision, r *policy.Request) string {
	text := fmt.Sprintf("User: %s is not authorized to perform: %s", who.arn, r.Action)
	if r.Resource != "*" {
		text += " on resource: " + r.Resource
	}
	if d.Explicit {
		article := "a"
		if d.By == policy.Identity {
			article = "an"
		}
		return fmt.Sprintf("%s with an explicit deny in %s %s", text, article, d.By)
	}
	return fmt.Sprintf("%s because no %s allows the %s action", text, d.By, r.Action)
}
