package awsclient

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

const (
	// identityTimeout bounds the question for which account AWS answers.
	identityTimeout = 5 * time.Second
	// otherAccountFor is how long credentials of another account are not retrieved again.
	otherAccountFor = 15 * time.Second
)

// OtherAccountError is the error of a call under credentials of another account than that of the load balancers. AWS
// shows none of them there: each would be created again, and what is deleted would be left.
type OtherAccountError struct {
	Account string // of the credentials
	Own     string // of the load balancers
	// Resource is one that AWS does not show; empty = the credentials themselves tell their account.
	Resource string
}

// Error implements error.
func (e *OtherAccountError) Error() string {
	if e.Resource == "" {
		return fmt.Sprintf("the AWS credentials are of account %s, and the controller works in account %s", e.Account, e.Own)
	}
	return fmt.Sprintf("the AWS credentials are of account %s, and %s is in account %s", e.Account, e.Resource, e.Own)
}

// AccountOf returns the account in an ARN; empty if it names none.
func AccountOf(arn string) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		return parts[4]
	}
	return ""
}

// OtherAccount returns an OtherAccountError if AWS, which says that a resource does not exist, answers for another
// account than the resource's. If AWS does not say for which account it answers, the error is nil: an isolated VPC may
// not reach STS.
func OtherAccount(ctx context.Context, client STS, arn string) error {
	own := AccountOf(arn)
	if own == "" || client == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, identityTimeout)
	defer cancel()
	out, err := client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil || aws.ToString(out.Account) == "" || *out.Account == own {
		return nil //nolint:nilerr // nothing is known then
	}
	return &OtherAccountError{Account: *out.Account, Own: own, Resource: arn}
}

// sameAccount refuses credentials of another account than the first ones: while the controller runs, somebody may give
// its ServiceAccount a role of another account. Credentials that do not tell their account pass.
type sameAccount struct {
	of  aws.CredentialsProvider
	now func() time.Time

	mu      sync.Mutex
	account string
	refused error
	until   time.Time // refused is the answer before
}

// Retrieve implements aws.CredentialsProvider.
func (s *sameAccount) Retrieve(ctx context.Context) (aws.Credentials, error) {
	s.mu.Lock()
	refused, until := s.refused, s.until
	s.mu.Unlock()
	if refused != nil && s.now().Before(until) {
		return aws.Credentials{}, refused
	}
	got, err := s.of.Retrieve(ctx)
	if err != nil || got.AccountID == "" {
		return got, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.account == "" {
		s.account = got.AccountID
	}
	if s.refused = nil; got.AccountID == s.account {
		return got, nil
	}
	if c, ok := s.of.(*aws.CredentialsCache); ok { // which would keep them until they expire
		c.Invalidate()
	}
	s.refused, s.until = &OtherAccountError{Account: got.AccountID, Own: s.account}, s.now().Add(otherAccountFor)
	return aws.Credentials{}, s.refused
}
