package awsclient

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// scopesWith makes Scopes whose STS is that of roleOf.
func scopesWith(now *clock.Stepped) (*Scopes, *tokens) {
	_, f := roleOf(now, "")
	s := NewScopes(Connection{Scope: ownScope}, ScopesOptions{Limiter: LimiterOptions{Clock: now}})
	s.ownClients()
	s.clients.STS = f
	return s, f
}

// useRole has a tenant call as a role with an external id.
func useRole(t *testing.T, s *Scopes, tenant, role, id string) error {
	t.Helper()
	scope := ownScope.As(role, id)
	if _, err := s.Clients(scope); err != nil {
		t.Fatal(err)
	}
	_, err := s.roles[scope].credentials.Retrieve(WithTenant(t.Context(), tenant))
	return err
}

// TestManyExternalIDsOfATenantEvictOnlyHisOwn has one tenant name far more external ids than are kept, while another
// one calls as his role now and then.
func TestManyExternalIDsOfATenantEvictOnlyHisOwn(t *testing.T) {
	t.Parallel()
	now := clock.NewStepped(time.Unix(0, 0))
	s, f := scopesWith(now)
	if err := useRole(t, s, "shop", otherRole, "blue"); err != nil {
		t.Fatal(err)
	}
	theirs := s.roles[ownScope.As(otherRole, "blue")]
	f.mu.Lock()
	f.asked = nil
	f.mu.Unlock()
	for i := range sample.Count(2*mostRoles, 2_000) {
		err := useRole(t, s, "mal", otherRole, fmt.Sprintf("id-%d", i))
		if refused := errors.Is(err, errManyRoles); refused != (i >= assumeBurst) {
			t.Fatalf("%d: %v", i, err)
		}
		if err != nil && Classify(err).Class != diag.Transient {
			t.Fatalf("%+v", Classify(err))
		}
	}
	if len(s.roles) > mostRoles || f.calls() > assumeBurst {
		t.Errorf("%d scopes are kept after %d calls of AssumeRole", len(s.roles), f.calls())
	}
	if s.roles[ownScope.As(otherRole, "blue")] != theirs {
		t.Error("the clients of another tenant were dropped")
	}
	if err := useRole(t, s, "shop", otherRole, "green"); err != nil {
		t.Errorf("a new role of another tenant: %v", err)
	}
	now.Advance(time.Second)
	before := f.calls()
	for i := range 100 {
		_ = useRole(t, s, "mal", otherRole, fmt.Sprintf("later-%d", i))
	}
	if got := f.calls() - before; got != assumeRate {
		t.Errorf("%d calls of AssumeRole in the next second, want %d", got, assumeRate)
	}
	now.Advance(time.Hour)
	if err := useRole(t, s, "third", otherRole, "red"); err != nil || len(s.turns.spent) != 1 {
		t.Errorf("%v; turns of %d tenants are kept", err, len(s.turns.spent))
	}
}

// TestATenantWithoutTurnsStopsNobodyAtTheSameRole has a tenant use his turns up before both name one role.
func TestATenantWithoutTurnsStopsNobodyAtTheSameRole(t *testing.T) {
	t.Parallel()
	s, f := scopesWith(clock.NewStepped(time.Unix(0, 0)))
	for i := range assumeBurst {
		if err := useRole(t, s, "mal", otherRole, fmt.Sprintf("id-%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	err := useRole(t, s, "mal", otherRole, "blue")
	if d := Problem("", err); !OfRole(err) || d.Code != diag.RoleNotAssumed || !strings.Contains(d.Message(),
		"of namespace mal at most 5 times per second") {
		t.Errorf("%v: %s", err, d.Message())
	}
	if err := useRole(t, s, "shop", otherRole, "blue"); err != nil {
		t.Errorf("the same role for another tenant: %v", err)
	}
	if err := useRole(t, s, "mal", otherRole, "blue"); err != nil || f.calls() != assumeBurst+1 {
		t.Errorf("with the credentials that are there: %v after %d calls", err, f.calls())
	}
}

// TestACallThatWaitsForARoleOccupiesNoWorker has STS not answer.
func TestACallThatWaitsForARoleOccupiesNoWorker(t *testing.T) {
	t.Parallel()
	c, f := roleOf(clock.NewStepped(time.Unix(0, 0)), "")
	held, detached := make(chan struct{}), make(chan struct{})
	f.answer = func() (*sts.AssumeRoleOutput, error) {
		<-held
		return nil, &smithy.GenericAPIError{Code: "AccessDenied", Message: aws.ToString(nil)}
	}
	ended := make(chan error)
	go func() {
		_, err := c.Retrieve(WithQueued(t.Context(), func() { close(detached) }))
		ended <- err
	}()
	<-detached
	close(held)
	if err := <-ended; !OfRole(err) {
		t.Error(err)
	}
}
