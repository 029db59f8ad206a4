// Package globalaccelerator is Global Accelerator's control plane: standard accelerators with listeners, endpoint
// groups, endpoints and tags, one method per action with the SDK client's signature, over the account's state, with
// AWS's validations, quotas and error codes. Custom routing, cross-account attachments and changes of own address
// ranges are left out; the traffic is the data plane's. It imports awssim/account, awssim/call, awssim/gate,
// awssim/apierr and the SDK's types.
package globalaccelerator

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/gate"
)

// service is the name of the service at the gate.
const service = "globalaccelerator"

// Limits of the API.
const (
	defaultPage = 10
	maxPage     = 100
)

// Service answers the actions of Global Accelerator.
type Service struct {
	account *account.Account
	entry   call.Entry
}

// New is the service over that account; calls pass g, which may be nil.
func New(a *account.Account, g *gate.Gate) *Service {
	return &Service{account: a, entry: call.Entry{Service: service, Account: a, Gate: g}}
}

func invalid(format string, args ...any) error {
	return apierr.New("InvalidArgumentException", format, args...)
}

func beyond(quota int, what string) error {
	return apierr.New("LimitExceededException", "Processing your request would cause you to exceed the quota of %d %s.",
		quota, what)
}

// creation is a call that creates something and may carry an idempotency token.
type creation struct {
	action string
	token  *string
	input  any // without the token
}

// once runs a creation. If an earlier call with the same token made something that still exists, once returns that. It
// refuses the call if its input differs from the earlier one.
func once[T any](s *Service, c creation, find func(arn string) (T, bool), create func() (T, string, error)) (T, error) {
	var none T
	if c.token == nil || *c.token == "" {
		made, _, err := create()
		return made, err
	}
	if len(*c.token) > 255 {
		return none, invalid("The idempotency token is longer than 255 characters.")
	}
	text, err := json.Marshal(c.input)
	if err != nil {
		return none, err
	}
	if before, ok := s.account.Idempotent(c.action, *c.token); ok {
		if found, ok := find(before.ARN); ok {
			if before.Parameters != string(text) {
				return none, invalid("The idempotency token was used before with other parameters.")
			}
			return found, nil
		}
	}
	made, arn, err := create()
	if err != nil {
		return none, err
	}
	s.account.Remember(c.action, *c.token, account.IdempotentCall{Parameters: string(text), ARN: arn})
	return made, nil
}

// pageOf is the part of all that follows the token; all is in the order of creation, and a token names what it follows.
func pageOf[T any](s *Service, all []T, arn func(T) string, size *int32, token *string) ([]T, *string, error) {
	n := defaultPage
	if size != nil {
		if *size < 1 || *size > maxPage {
			return nil, nil, invalid("MaxResults must be between 1 and %d, not %d.", maxPage, *size)
		}
		n = int(*size)
	}
	if most := s.account.Trouble.PageSize; most > 0 {
		n = min(n, most)
	}
	start := 0
	if t := aws.ToString(token); t != "" {
		text, err := base64.RawURLEncoding.DecodeString(t)
		position, after, ok := strings.Cut(string(text), " ")
		if start, _ = strconv.Atoi(position); err != nil || !ok || start < 1 {
			return nil, nil, apierr.New("InvalidNextTokenException", "There isn't another item to return.")
		}
		start = min(start, len(all))
		// What was deleted between the calls has moved the rest forward.
		if i := slices.IndexFunc(all, func(v T) bool { return arn(v) == after }); i >= 0 {
			start = i + 1
		}
	}
	all = all[start:]
	if len(all) <= n {
		return all, nil, nil
	}
	next := base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(start+n) + " " + arn(all[n-1])))
	return all[:n], &next, nil
}
