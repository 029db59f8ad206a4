// Package simulation asks IAM whether the policies of a role allow calls. It makes the only call to IAM, without the
// SDK's client of IAM.
package simulation

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/lib/sleep"
)

// iamEndpoints are the only endpoints of IAM by partition, with the Region that they are signed for.
var iamEndpoints = map[string]struct{ url, region string }{
	"aws":        {"https://iam.amazonaws.com", "us-east-1"},
	"aws-cn":     {"https://iam.cn-north-1.amazonaws.com.cn", "cn-north-1"},
	"aws-us-gov": {"https://iam.us-gov.amazonaws.com", "us-gov-west-1"},
}

// Client asks IAM by a connection.
type Client struct {
	Scope    awsclient.Scope
	Config   aws.Config
	Endpoint string // that is set for IAM; empty = the usual one
}

// Over returns a Client over a connection.
func Over(c awsclient.Connection) Client {
	cfg, endpoint := c.SDK("IAM")
	return Client{c.Scope, cfg, endpoint}
}

// Question asks whether the policies of a role allow actions on a resource.
type Question struct {
	Role     string // ARN
	Actions  []string
	Resource string              // ARN, or *
	Keys     map[string][]string // of conditions
}

// Answer is IAM's decision on an action on a resource.
type Answer struct {
	Action, Resource string
	Allowed          bool
	Explicit         bool // it is denied by a statement, not for want of one
}

const simulatePrincipalPolicy = "SimulatePrincipalPolicy"

// Ask has IAM simulate the policies of a role.
func (c Client) Ask(ctx context.Context, q Question) (out []Answer, err error) {
	form := url.Values{"Action": {simulatePrincipalPolicy}, "Version": {"2010-05-08"}, "PolicySourceArn": {q.Role},
		"ResourceArns.member.1": {q.Resource}}
	for i, a := range q.Actions {
		form.Set(fmt.Sprintf("ActionNames.member.%d", i+1), a)
	}
	for i, key := range slices.Sorted(maps.Keys(q.Keys)) {
		entry := fmt.Sprintf("ContextEntries.member.%d.", i+1)
		form.Set(entry+"ContextKeyName", key)
		form.Set(entry+"ContextKeyType", contextKeyType(key))
		for j, v := range q.Keys[key] {
			form.Set(fmt.Sprintf("%sContextKeyValues.member.%d", entry, j+1), v)
		}
	}
	for {
		page, err := c.simulatedPage(ctx, form)
		if err != nil {
			return nil, &smithy.OperationError{ServiceID: "IAM", OperationName: simulatePrincipalPolicy, Err: err}
		}
		for _, r := range page.Results {
			out = append(out, Answer{r.Action, r.Resource, r.Decision == "allowed", r.Decision == "explicitDeny"})
		}
		if !page.Truncated {
			return out, nil
		}
		form.Set("Marker", page.Marker)
	}
}

// contextKeyType is that of a condition key's values.
func contextKeyType(key string) string {
	if key == "aws:TagKeys" || strings.HasPrefix(key, "route53:") {
		return "stringList"
	}
	if key == "aws:SecureTransport" {
		return "boolean"
	}
	return "string"
}

// simulatedPage is an answer of IAM.
type simulatedPage struct {
	Results []struct {
		Action   string `xml:"EvalActionName"`
		Resource string `xml:"EvalResourceName"`
		Decision string `xml:"EvalDecision"`
	} `xml:"SimulatePrincipalPolicyResult>EvaluationResults>member"`
	Truncated bool   `xml:"SimulatePrincipalPolicyResult>IsTruncated"`
	Marker    string `xml:"SimulatePrincipalPolicyResult>Marker"`
}

// simulationAttempts are how often to repeat a call that IAM throttles.
const simulationAttempts = 4

func (c Client) simulatedPage(ctx context.Context, form url.Values) (page simulatedPage, err error) {
	retryer := retry.NewStandard()
	for attempt := 1; ; attempt++ {
		body, err := c.postIAM(ctx, form)
		if err == nil {
			return page, xml.Unmarshal(body, &page)
		}
		if attempt == simulationAttempts || !retryer.IsErrorRetryable(err) {
			return page, err
		}
		pause, pauseErr := retryer.RetryDelay(attempt, err)
		if pauseErr != nil {
			return page, err
		}
		if sleep.For(ctx, pause) != nil {
			return page, err
		}
	}
}

// postIAM sends a signed form, and returns the answer; of one that is no success, the error that it holds.
func (c Client) postIAM(ctx context.Context, form url.Values) ([]byte, error) {
	at := iamEndpoints[c.Scope.Partition]
	endpoint := cmp.Or(c.Endpoint, os.Getenv("AWS_ENDPOINT_URL_IAM"), aws.ToString(c.Config.BaseEndpoint), at.url)
	if endpoint == "" {
		return nil, fmt.Errorf("the endpoint of IAM in partition %s is not known: set AWS_ENDPOINT_URL_IAM",
			c.Scope.Partition)
	}
	text := form.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(endpoint, "/")+"/",
		strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	credentials, err := c.Config.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("get identity: %w", err)
	}
	sum := sha256.Sum256([]byte(text))
	if err := v4.NewSigner().SignHTTP(ctx, credentials, r, hex.EncodeToString(sum[:]), "iam",
		cmp.Or(at.region, c.Scope.Region), time.Now()); err != nil {
		return nil, err
	}
	resp, err := c.Config.HTTPClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode == http.StatusOK {
		return body, err
	}
	var refused struct {
		Code    string `xml:"Error>Code"`
		Message string `xml:"Error>Message"`
	}
	if err := xml.Unmarshal(body, &refused); err != nil || refused.Code == "" {
		return nil, fmt.Errorf("%s answers %s", endpoint, resp.Status)
	}
	return nil, &smithy.GenericAPIError{Code: refused.Code, Message: refused.Message}
}
