package awsclient

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/k8s-lbc/lbc/internal/lib/sorting"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// secretsKey is the key of the secrets that the call of a context sends.
type secretsKey struct{}

// hiddenError is the error of a call without the secrets that the call sent. AWS may quote what it refuses, and more
// people can read events and traces than Secrets.
type hiddenError struct {
	err    error
	hidden *strings.Replacer
}

// withSecrets returns the context of a call that sends secrets.
func withSecrets(ctx context.Context, secrets []stack.Secret) context.Context {
	return context.WithValue(ctx, secretsKey{}, secrets)
}

// withoutSecrets hides each line of the secrets of a context in the error of its call.
func withoutSecrets(ctx context.Context, err error) error {
	secrets, _ := ctx.Value(secretsKey{}).([]stack.Secret)
	if err == nil || len(secrets) == 0 {
		return err
	}
	var lines []string
	for _, s := range secrets {
		lines = append(lines, strings.FieldsFunc(s.Reveal(), func(r rune) bool { return r == '\r' || r == '\n' })...)
	}
	// one secret may be the beginning of another
	sorting.StableBy(lines, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	var pairs []string
	for _, line := range lines {
		pairs = append(pairs, line, stack.Hidden)
	}
	return &hiddenError{err, strings.NewReplacer(pairs...)}
}

// Error implements error.
func (e *hiddenError) Error() string { return e.hidden.Replace(e.err.Error()) }

// Unwrap gives access to the details of the call, such as its HTTP status and request ID.
func (e *hiddenError) Unwrap() error { return e.err }

// As hides the secrets in AWS's message.
func (e *hiddenError) As(target any) bool {
	var api smithy.APIError
	to, ok := target.(*smithy.APIError)
	if !ok || !errors.As(e.err, &api) {
		return false
	}
	*to = &smithy.GenericAPIError{Code: api.ErrorCode(), Message: e.hidden.Replace(api.ErrorMessage()),
		Fault: api.ErrorFault()}
	return true
}
