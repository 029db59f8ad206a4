package awsclient

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

const (
	// renewBefore is how long before their end the credentials of a role are renewed, while they continue to serve.
	// lastUse is how long before their end the last call with them may begin.
	renewBefore = 5 * time.Minute
	lastUse     = 30 * time.Second
	// assumeTimeout limits the time of a call of AssumeRole with all its attempts.
	assumeTimeout = 20 * time.Second
	// assumePause is the pause after a role could not be assumed, for all calls of its scope.
	assumePause = 10 * time.Second
)

// RoleError is the error of a call in the scope of a role that could not be assumed. The call was not sent.
type RoleError struct {
	Role string
	Err  error
}

// Error implements error.
func (e *RoleError) Error() string {
	return fmt.Sprintf("role %s cannot be assumed: %v", e.Role, e.Err)
}

// Unwrap returns the error of AssumeRole.
func (e *RoleError) Unwrap() error { return e.Err }

// OfRole reports whether the cause of an error is a role that could not be assumed.
func OfRole(err error) bool {
	e := (*RoleError)(nil)
	return errors.As(err, &e)
}

// roleCredentials are the credentials of one scope's role. One call of STS serves all calls that need credentials at
// the same time. They are renewed before they end, and calls do not wait for that while the old ones serve. It is
// safe for concurrent use.
type roleCredentials struct {
	scope   Scope
	session string
	sts     STS // of the controller's own role
	clock   Clock
	// came is called when the role can be assumed again after a failure.
	came func(Scope)
	// turns limits the calls of AssumeRole of each tenant; nil = no limit.
	turns *assumeTurns

	mu      sync.Mutex
	tenant  string // of the last call with a tenant; calls in the background count as this tenant's
	current aws.Credentials
	failure *RoleError    // of the last attempt; nil = it succeeded
	retry   time.Time     // the earliest time of the next call of STS
	flight  chan struct{} // closed when the present call of AssumeRole ends; nil = there is none
}

// Retrieve implements aws.CredentialsProvider.
func (c *roleCredentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	for {
		c.mu.Lock()
		if tenant := TenantOf(ctx); tenant != "" {
			c.tenant = tenant
		}
		now := c.clock.Now()
		serves := c.current.HasKeys() && now.Before(c.current.Expires.Add(-lastUse))
		rests := c.failure != nil && now.Before(c.retry)
		var noTurn error // of this caller's tenant: others may ask for the same role
		if old := !now.Before(c.current.Expires.Add(-renewBefore)); (!serves || old) && !rests && c.flight == nil {
			if noTurn = c.turns.take(c.tenant); noTurn == nil {
				c.flight = make(chan struct{})
				go c.renew(context.WithoutCancel(ctx), c.flight)
			}
		}
		current, failure, flight := c.current, c.failure, c.flight
		c.mu.Unlock()
		switch {
		case serves:
			return current, nil
		case noTurn != nil && failure == nil:
			return aws.Credentials{}, &RoleError{c.scope.Role, noTurn}
		case flight == nil:
			return aws.Credentials{}, failure
		}
		queued(ctx) // STS may not answer for a while: the calling pass must not occupy a worker
		select {
		case <-flight:
		case <-ctx.Done():
			return aws.Credentials{}, &RoleError{c.scope.Role, ctx.Err()}
		}
	}
}

// renew calls STS.
func (c *roleCredentials) renew(ctx context.Context, ended chan struct{}) {
	ctx, cancel := context.WithTimeout(WithPriority(ctx, Vital), assumeTimeout)
	defer cancel()
	in := &sts.AssumeRoleInput{RoleArn: aws.String(c.scope.Role), RoleSessionName: aws.String(c.session),
		ExternalId: optional(c.scope.ExternalID)}
	out, err := c.sts.AssumeRole(ctx, in)
	if err == nil && (out.Credentials == nil || out.Credentials.Expiration == nil) {
		err = errors.New("the answer of AssumeRole has no credentials")
	}
	c.mu.Lock()
	again := err == nil && c.failure != nil
	if c.failure = nil; err != nil {
		c.failure, c.retry = &RoleError{c.scope.Role, err}, c.clock.Now().Add(assumePause)
	} else {
		c.current = aws.Credentials{
			AccessKeyID: aws.ToString(out.Credentials.AccessKeyId), SecretAccessKey: aws.ToString(
				out.Credentials.SecretAccessKey),
			SessionToken: aws.ToString(out.Credentials.SessionToken), Source: "AssumeRole", CanExpire: true,
			Expires: *out.Credentials.Expiration,
		}
	}
	c.flight = nil
	c.mu.Unlock()
	close(ended)
	if again && c.came != nil {
		c.came(c.scope)
	}
}

// user returns the tenant that called last.
func (c *roleCredentials) user() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tenant
}

// reject drops credentials that AWS refused, such as those of a revoked session, unless they have been replaced.
func (c *roleCredentials) reject(refused aws.Credentials) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current.SessionToken == refused.SessionToken {
		c.current = aws.Credentials{}
	}
}

// middleware makes a call wait for credentials before the limiter admits it, so that calls of a role that cannot be
// assumed take no turns of others. A call whose credentials AWS rejects had no effect, and is sent once more with new
// ones.
func (c *roleCredentials) middleware(s *middleware.Stack) error {
	return s.Initialize.Add(middleware.InitializeMiddlewareFunc("AssumedRole",
		func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
			out middleware.InitializeOutput, meta middleware.Metadata, err error) {
			for attempt := 0; ; attempt++ {
				credentials, err := c.Retrieve(ctx)
				if err != nil {
					return out, meta, err
				}
				out, meta, err = next.HandleInitialize(ctx, in)
				if err == nil || attempt > 0 || !Classify(err).rejectsCredentials() {
					return out, meta, err
				}
				c.reject(credentials)
			}
		}), middleware.After)
}

// assumed returns the connection of a role's scope.
func (c Connection) assumed(credentials *roleCredentials) Connection {
	c.Scope, c.config = credentials.scope, c.config.Copy()
	c.config.Credentials = credentials
	c.config.APIOptions = append(slices.Clip(c.config.APIOptions), credentials.middleware)
	return c
}

// roleProblem returns the diagnostic of a role that could not be assumed.
func roleProblem(e *RoleError) diag.Diagnostic {
	inner := classifyRole(e)
	d := diag.New(diag.Object{}, "", diag.RoleNotAssumed,
		strings.TrimRight(fmt.Sprintf("role %s cannot be assumed: AssumeRole: %s", e.Role, inner.Message), ". "),
		roleRemedies[inner.Class])
	d.Class, d.RequestID = inner.Class, inner.RequestID
	return d
}

// roleRemedies are the remedies by the class of STS's answer. STS has the same text for a role that does not exist, a
// role that does not trust the caller, and a wrong external id.
var roleRemedies = map[diag.Class]string{
	diag.Denied: "allow the controller's role the action sts:AssumeRole on it (lbc iam-policy --assumable-roles), and " +
		"look whether the role exists, " +
		"whether its trust policy names the controller's role, and whether it asks for another external id than " +
		"spec.assumeRoleExternalId",
	diag.Invalid:   "correct the ARN of the role, or the external id",
	diag.Transient: "nothing to do: STS is asked again every ten seconds",
}

// classifyRole classifies the answer of STS. If another call than the failed one was refused, its code is only in the
// message.
func classifyRole(e *RoleError) Error {
	out := classify(e.Err)
	switch {
	// of the controller's own role; and what STS throttles says nothing about the rate of the call
	case out.Class == diag.Credentials, out.Class == diag.Throttled:
		out.Class = diag.Transient
	case out.Class != diag.Denied && out.Class != diag.Transient:
		out.Class = diag.Invalid
	}
	if sent := (*smithy.OperationError)(nil); out.Code == "" && errors.As(e.Err, &sent) && out.Unanswered == "" {
		out.Message = SteadyText(sent.Err.Error())
	}
	out.Message, out.Code = codeAnd(out), ""
	return out
}
