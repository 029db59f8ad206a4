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
	// identityFor is how long the answer, or that there is none, counts.
	identityFor = time.Minute
	// otherAccountFor is how long credentials of another account are not retrieved again.
	otherAccountFor = 15 * time.Second
)

// OtherAccountError is the error of a call under credentials of another account than that of the load balancers. AWS
// shows none of them there: each would be created again, and what is deleted would be left.
type OtherAccountError struct {
	Account string // of the credentials
	Own     string // of the load balancers
	// Resource is one that AWS does not show; empty = the credentials themselves show their account.
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

// Identity is the account for which AWS answers. It asks STS at most once a minute, also if STS does not answer. It is
// safe for concurrent use.
type Identity struct {
	client STS
	now    func() time.Time

	mu      sync.Mutex
	account string // empty = not known
	until   time.Time
}

// NewIdentity makes an Identity that has not asked yet. Without a client nothing is known.
func NewIdentity(client STS, now func() time.Time) *Identity {
	return &Identity{client: client, now: now}
}

// Other returns an OtherAccountError if AWS, which says that a resource does not exist, answers for another account
// than the resource's. If AWS does not say for which account it answers, the error is nil: an isolated VPC may not
// reach STS.
func (i *Identity) Other(ctx context.Context, arn string) error {
	own := AccountOf(arn)
	if own == "" || i.client == nil {
		return nil
	}
	if account := i.ask(ctx); account != "" && account != own {
		return &OtherAccountError{Account: account, Own: own, Resource: arn}
	}
	return nil
}

// Account returns the account for which AWS answers; empty if AWS does not say.
func (i *Identity) Account(ctx context.Context) string {
	if i.client == nil {
		return ""
	}
	return i.ask(ctx)
}

func (i *Identity) ask(ctx context.Context) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.now().Before(i.until) {
		return i.account
	}
	bounded, cancel := context.WithTimeout(ctx, identityTimeout)
	defer cancel()
	i.account = ""
	if out, err := i.client.GetCallerIdentity(bounded, &sts.GetCallerIdentityInput{}); err == nil {
		i.account = aws.ToString(out.Account)
	}
	if ctx.Err() == nil {
		i.until = i.now().Add(identityFor)
	}
	return i.account
}

// sameAccount refuses credentials of another account than the first ones: while the controller runs, somebody may give
// its ServiceAccount a role of another account. Credentials that do not show their account pass.
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
