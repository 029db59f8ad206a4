package awsclient

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// TestDeposedProcessSendsNothing suspends no process: the answer of the
// fence changes after it was asked once.
func TestDeposedProcessSendsNothing(t *testing.T) {
	t.Parallel()
	var received atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		received.Add(1)
		_, _ = fmt.Fprintf(w, "<%[1]sResponse><%[1]sResult></%[1]sResult></%[1]sResponse>", r.FormValue("Action"))
	}))
	defer server.Close()
	connection, err := Connect(t.Context(), ConnectOptions{Region: "us-west-2", VPC: "vpc-1", Anonymous: true,
		Endpoints: map[string]string{ServiceELBV2: server.URL}})
	if err != nil {
		t.Fatal(err)
	}
	var asked, lasts int32
	l := NewLimiter(LimiterOptions{MayWrite: func() error {
		if asked++; asked > lasts {
			return fmt.Errorf("the lease was not renewed: %w", ErrDeposed)
		}
		return nil
	}})
	c := connection.Clients(l).ELBV2
	write := func() error {
		asked = 0
		_, err := c.CreateRule(t.Context(), &elbv2.CreateRuleInput{ListenerArn: aws.String("arn:listener"),
			Priority: aws.Int32(7), Conditions: []types.RuleCondition{}, Actions: []types.Action{}})
		return err
	}
	for _, connection := range []string{"a new connection", "a connection that was used"} {
		lasts, asked = 1, 0
		if err := write(); !errors.Is(err, ErrDeposed) || received.Load() != 0 {
			t.Errorf("%s: %v, %d requests received", connection, err, received.Load())
		} else if e := Classify(err); e.Class != diag.Transient || e.Message != ErrDeposed.Error() {
			t.Errorf("%s: %+v", connection, e)
		}
		if _, err := c.DescribeRules(t.Context(), &elbv2.DescribeRulesInput{}); err != nil || received.Load() != 1 {
			t.Errorf("%s: a read: %v", connection, err)
		}
		lasts = 100
		if err := write(); err != nil || received.Load() != 2 {
			t.Errorf("%s: a write of the leader: %v, %d requests received", connection, err, received.Load())
		}
		received.Store(0)
	}
}
