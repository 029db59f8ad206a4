package metrics

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
)

// values are the series of metrics whose names have a prefix, with their values.
func values(t *testing.T, r *prometheus.Registry, prefix string) (out []string) {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), prefix) {
			continue
		}
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			out = append(out, fmt.Sprintf("%s%v %v", f.GetName(), labels, m.GetGauge().GetValue()+m.GetCounter().GetValue()))
		}
	}
	slices.Sort(out)
	return out
}

func TestWaitingIsShownAsItIs(t *testing.T) {
	t.Parallel()
	r := prometheus.NewRegistry()
	m := New(r)
	m.CollectWaiting(map[string]Waiting{"targets": func() (int, time.Duration) { return 3, 90 * time.Second }})
	m.CollectFailing(func() map[string]int { return map[string]int{"quota": 2} })
	end, reads := time.Time{}, 0
	m.CollectCertificate("listener", func() (time.Time, time.Time) {
		reads++
		return end, end
	})
	if got := values(t, r, "lbc_listener"); len(got) > 0 {
		t.Errorf("%v, though no time is known", got)
	}
	if reads != 1 {
		t.Errorf("the certificate was read %d times for one read of the metrics", reads)
	}
	end = time.Unix(1_800_000_000, 0)
	want := []string{"lbc_failing[quota] 2", "lbc_listener_certificate_not_after_seconds[] 1.8e+09",
		"lbc_listener_certificate_overdue_seconds[] 1.8e+09", "lbc_waiting[targets] 3",
		"lbc_waiting_oldest_seconds[targets] 90"}
	if d := cmp.Diff(want, slices.Concat(values(t, r, "lbc_failing"), values(t, r, "lbc_listener"),
		values(t, r, "lbc_waiting"))); d != "" {
		t.Error(d)
	}
	m.SetDenied("ec2:DescribeVpcs", true)
	m.SetDenied("acm:ListCertificates", true)
	m.SetDenied("ec2:DescribeVpcs", false)
	if d := cmp.Diff([]string{"lbc_actions_denied[acm:ListCertificates] 1"}, values(t, r, "lbc_actions")); d != "" {
		t.Error(d)
	}
}

func TestTimeoutsAndRefusedCredentialsAreNamed(t *testing.T) {
	t.Parallel()
	r := prometheus.NewRegistry()
	m := New(r)
	for _, err := range []error{context.DeadlineExceeded, context.Canceled, &smithy.GenericAPIError{Code: "ExpiredToken"},
		&smithy.GenericAPIError{Code: "AccessDenied"}} {
		m.ObserveCall(awsclient.Call{Service: "EC2", Operation: "DescribeVpcs", Err: &smithy.OperationError{
			ServiceID: "EC2", OperationName: "DescribeVpcs", Err: err}})
	}
	var codes []string
	for _, v := range values(t, r, "aws_api_calls_total") {
		_, labels, _ := strings.Cut(v, "[")
		codes = append(codes, strings.Fields(labels)[0])
	}
	slices.Sort(codes)
	if d := cmp.Diff([]string{"AccessDenied", "ExpiredToken", "canceled", "timeout"}, codes); d != "" {
		t.Errorf("%v: %s", values(t, r, "aws_api_calls_total"), d)
	}
	if got := values(t, r, "aws_api_call_permission_errors_total"); len(got) != 1 ||
		!strings.Contains(got[0], "AccessDenied") {
		t.Errorf("credentials count as a lack of permission: %v", got)
	}
}
