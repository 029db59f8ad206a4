// Package alerts tests the alert rules of the chart: which alert fires within which time of a fault, and which ends
// within which time of the cure.
package alerts

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory/certificate"
	"github.com/k8s-lbc/lbc/internal/controller/metrics"
	"github.com/k8s-lbc/lbc/internal/controller/waiting"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
)

// settled is how long nothing is wrong before a fault.
const settled = 20 * time.Minute

// watched is how long the rules are evaluated after the cure.
const watched = 20 * time.Minute

// alert is what is expected of an alert: that it fires within a time of the fault, and ends within one of the cure.
type alert struct {
	name         string
	within, ends time.Duration
}

// fault is a row of the table. No other alert fires, and none begins to fire after the cure. A fault that happens at a
// moment has no cure: its alert ends by time.
type fault struct {
	name   string
	lasts  time.Duration
	begin  func(*world)
	cure   func(*world)
	alerts []alert
}

// has reports whether an alert is expected.
func (f fault) has(name string) bool {
	return slices.ContainsFunc(f.alerts, func(a alert) bool { return a.name == name })
}

// longest is how long it takes after the cure until each alert has to have ended.
func (f fault) longest() (out time.Duration) {
	for _, a := range f.alerts {
		out = max(out, a.ends+2*time.Minute)
	}
	return out
}

// refuse is a fault of AWS: calls of operations with a prefix get a code.
func refuse(prefix, code string) func(*world) { return refuseOf("", prefix, code) }

// refuseOf is a fault of the calls of one stack or service; an empty name = of all.
func refuseOf(name, prefix, code string) func(*world) {
	return func(w *world) {
		w.aws.set(func(unit, service, operation string) string {
			if (name == "" || name == unit || name == service) && strings.HasPrefix(operation, prefix) {
				return code
			}
			return ""
		})
	}
}

// globalAccelerator is a fault of AWS Global Accelerator alone.
func globalAccelerator(prefix, code string) func(*world) {
	return refuseOf(awsclient.ServiceGlobalAccelerator, prefix, code)
}

func cureAWS(w *world) { w.aws.set(nil) }

// number sets a number of the world.
func number(set func(*world, int), value int) func(*world) {
	return func(w *world) {
		w.mu.Lock()
		defer w.mu.Unlock()
		set(w, value)
	}
}

func setHeld(w *world, n int) { w.held = n }
func setUsed(w *world, n int) { w.used = n }

// hold has an edit and a deletion wait for the end of a hold.
func (w *world) hold() {
	w.mu.Lock()
	w.onHold, w.notReady = 3, true
	w.mu.Unlock()
	w.board.WaitsToGo("shop/leaving", time.Now(), diag.PlanOnHold)
}

func (w *world) release() {
	w.board.Ends(waiting.Deletions, "shop/leaving")
	w.mu.Lock()
	w.onHold, w.notReady = 0, false
	w.mu.Unlock()
}

// found has a check of the leader find something.
func found(check, severity string, n int) func(*world) {
	return func(w *world) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.checks = []metrics.CheckCount{{Check: check, Severity: severity, Findings: n}}
	}
}

const minute = time.Minute

// faults are the table.
var faults = append(degradations(), []fault{
	{"AWS denies an action", 20 * minute, refuse("CreateRule", "AccessDenied"), cureAWS,
		[]alert{{"LBCPermissionDenied", 6 * minute, minute}, {"LBCStacksWait", 17 * minute, minute}}},
	{"AWS denies an action for one load balancer of three", 20 * minute, refuseOf("shop/b", "CreateRule", "AccessDenied"),
		cureAWS,
		[]alert{{"LBCPermissionDenied", 6 * minute, 3 * minute}, {"LBCStacksWait", 17 * minute, 3 * minute}}},
	{"AWS denies an action for four minutes", 4 * minute, refuse("CreateRule", "AccessDenied"), cureAWS, nil},
	{"AWS denies a deletion", 40 * minute, refuse("DeleteRule", "AccessDenied"), cureAWS,
		[]alert{{"LBCPermissionDenied", 6 * minute, minute}, {"LBCStacksWait", 17 * minute, minute},
			{"LBCDeletionsWait", 32 * minute, minute}, {"LBCDeletionBlocked", 17 * minute, minute}}},
	{"AWS denies registrations", 20 * minute, refuse("RegisterTargets", "AccessDenied"), cureAWS,
		[]alert{{"LBCPermissionDenied", 6 * minute, minute}, {"LBCTargetsLate", 3 * minute, minute}}},
	{"the credentials have expired", 20 * minute, refuse("", "ExpiredToken"), cureAWS,
		[]alert{{"LBCCredentialsRefused", 2 * minute, minute}, {"LBCTargetsLate", 3 * minute, minute},
			{"LBCStacksWait", 17 * minute, minute}}},
	{"the credentials are refused for 30 seconds", 30 * time.Second, refuse("", "ExpiredToken"), cureAWS, nil},
	{"AWS does not answer", 20 * minute, refuse("", "silence"), cureAWS,
		[]alert{{"LBCAWSUnanswered", 2 * minute, 90 * time.Second}, {"LBCTargetsLate", 3 * minute, 90 * time.Second},
			{"LBCStacksWait", 17 * minute, 2 * minute}}},
	{"AWS answers all operations but one", 20 * minute, refuse("CreateRule", "silence"), cureAWS,
		[]alert{{"LBCAWSUnanswered", 2 * minute, 6 * minute}, {"LBCStacksWait", 18 * minute, 6 * minute}}},
	{"AWS does not answer for 30 seconds", 30 * time.Second, refuse("", "silence"), cureAWS, nil},
	{"AWS throttles everything", 20 * minute, refuse("", "Throttling"), cureAWS,
		[]alert{{"LBCThrottled", 5 * minute, 2 * minute}, {"LBCTargetsLate", 3 * minute, 2 * minute},
			{"LBCStacksWait", 17 * minute, 4 * minute}}},
	{"AWS throttles registrations", 20 * minute, refuse("RegisterTargets", "Throttling"), cureAWS,
		[]alert{{"LBCThrottled", 5 * minute, 2 * minute}, {"LBCTargetsLate", 3 * minute, 2 * minute}}},
	{"AWS throttles for a minute", minute, refuse("", "Throttling"), cureAWS, nil},
	{"a quota is reached", 20 * minute, refuse("CreateRule", "TooManyRules"), cureAWS,
		[]alert{{"LBCQuotaReached", 6 * minute, 6 * minute}, {"LBCStacksWait", 17 * minute, 6 * minute}}},
	{"AWS fails for more than an hour", 70 * minute, refuse("CreateRule", "InternalFailure"), cureAWS,
		[]alert{{"LBCStacksWait", 17 * minute, 6 * minute}, {"LBCReconcileErrors", 62 * minute, 6 * minute}}},

	{"Global Accelerator denies a change", 20 * minute, globalAccelerator("UpdateEndpointGroup", "AccessDeniedException"),
		cureAWS, []alert{{"LBCPermissionDenied", 8 * minute, minute}, {"LBCStacksWait", 18 * minute, minute}}},
	{"Global Accelerator denies a read", 40 * minute, globalAccelerator("DescribeAccelerator", "AccessDeniedException"),
		cureAWS, []alert{{"LBCPermissionDenied", 8 * minute, minute}, {"LBCStacksWait", 22 * minute, minute},
			{"LBCDeletionsWait", 38 * minute, minute}, {"LBCDeletionBlocked", 22 * minute, minute}}},
	{"Global Accelerator denies a deletion", 50 * minute, globalAccelerator("DeleteAccelerator", "AccessDeniedException"),
		cureAWS, []alert{{"LBCPermissionDenied", 12 * minute, minute}, {"LBCStacksWait", 22 * minute, minute},
			{"LBCDeletionsWait", 38 * minute, minute}, {"LBCDeletionBlocked", 22 * minute, minute}}},
	{"Global Accelerator does not accept the credentials", 20 * minute, globalAccelerator("", "ExpiredTokenException"),
		cureAWS, []alert{{"LBCCredentialsRefused", 3 * minute, minute}, {"LBCStacksWait", 18 * minute, minute}}},
	{"Global Accelerator does not answer", 20 * minute, globalAccelerator("", "silence"), cureAWS,
		[]alert{{"LBCAWSUnanswered", 4 * minute, 90 * time.Second}, {"LBCStacksWait", 18 * minute, 2 * minute}}},
	{"Global Accelerator throttles", 20 * minute, globalAccelerator("", "ThrottlingException"), cureAWS,
		[]alert{{"LBCThrottled", 6 * minute, 2 * minute}, {"LBCStacksWait", 18 * minute, 4 * minute}}},
	{"a quota of Global Accelerator is reached", 20 * minute,
		globalAccelerator("UpdateEndpointGroup", "LimitExceededException"), cureAWS, []alert{{"LBCQuotaReached", 7 * minute, 2 * minute}, {"LBCStacksWait", 18 * minute, 2 * minute}}},
	{"Global Accelerator fails for more than an hour", 70 * minute, globalAccelerator("", "InternalServiceErrorException"),
		cureAWS, []alert{{"LBCStacksWait", 18 * minute, 6 * minute}, {"LBCDeletionsWait", 38 * minute, 6 * minute},
			{"LBCReconcileErrors", 63 * minute, 6 * minute}}},

	{"Route 53 denies the record of a requested certificate", 20 * minute,
		refuseOf(awsclient.ServiceRoute53, "", "AccessDenied"), cureAWS,
		[]alert{{"LBCPermissionDenied", 6 * minute, 3 * minute}, {"LBCStacksWait", 17 * minute, 3 * minute}}},
	{"Route 53 does not answer", 20 * minute, refuseOf(awsclient.ServiceRoute53, "", "silence"), cureAWS,
		[]alert{{"LBCAWSUnanswered", 4 * minute, 90 * time.Second}, {"LBCStacksWait", 18 * minute, 2 * minute}}},
	{"a quota of ACM is reached", 20 * minute, refuseOf(awsclient.ServiceACM, "", "LimitExceededException"), cureAWS,
		[]alert{{"LBCQuotaReached", 7 * minute, 6 * minute}, {"LBCStacksWait", 18 * minute, 6 * minute}}},

	{"no replica leads", 5 * minute, func(w *world) { w.lead(0) }, func(w *world) { w.lead(1) },
		[]alert{{"LBCNoLeader", 2 * minute, minute}}},
	{"the leader changes once", 30 * time.Second, func(w *world) {
		w.lead(0)
		number(func(w *world, n int) { w.transitions += n }, 1)(w)
	}, func(w *world) { w.lead(1) }, nil},
	{"the leader changes again and again", 5 * minute, number(func(w *world, n int) { w.transitions += n }, 4),
		func(*world) {},
		[]alert{{"LBCLeaderUnstable", minute, 16 * minute}}},
	{"one of two replicas is not ready", 20 * minute, func(w *world) { w.readiness(0) },
		func(w *world) { w.readiness(1) }, []alert{{"LBCTooFewReplicas", 11 * minute, minute}}},
	{"one of two replicas has no pod", 20 * minute, func(w *world) { w.ready.DeleteLabelValues("192.0.2.2:8080") },
		func(w *world) { w.readiness(1) }, []alert{{"LBCTooFewReplicas", 11 * minute, minute}}},
	{"a replica starts for five minutes", 5 * minute, func(w *world) { w.readiness(0) },
		func(w *world) { w.readiness(1) }, nil},
	{"a pod does not become healthy", 20 * minute, func(w *world) { w.since(&w.gate, time.Now()) },
		func(w *world) { w.since(&w.gate, time.Time{}) }, []alert{{"LBCReadinessGatesSlow", 7 * minute, minute}}},
	{"a pod becomes healthy after five minutes", 5 * minute, func(w *world) { w.since(&w.gate, time.Now()) },
		func(w *world) { w.since(&w.gate, time.Time{}) }, nil},
	{"a reconcile panics", minute, func(w *world) { w.panics.WithLabelValues("ingress").Inc() }, func(*world) {},
		[]alert{{"LBCPanic", minute, 61 * minute}}},
	{"somebody changes AWS again and again", 30 * minute, func(w *world) { w.drifts(7) }, func(*world) {},
		[]alert{{"LBCDriftAgainAndAgain", minute, 6 * time.Hour}}},
	{"somebody changes AWS a few times", 30 * minute, func(w *world) { w.drifts(4) }, func(*world) {}, nil},
	{"a load balancer is not ready", 20 * minute, number(func(w *world, n int) { w.notReady = n > 0 }, 1),
		number(func(w *world, n int) { w.notReady = n > 0 }, 0),
		[]alert{{"LBCLoadBalancerNotReady", 16 * minute, minute}}},
	{"a load balancer is nearly full", time.Hour, number(setUsed, 95), number(setUsed, 10),
		[]alert{{"LBCQuotaNear", 31 * minute, minute}}},
	{"a certificate of a listener is about to end", 70 * minute, listenerCertificate(365*day, 10*day),
		listenerCertificate(365*day, 300*day), []alert{{"LBCListenerCertificateExpires", 61 * minute, minute}}},
	{"a certificate for a year ends in a month", 70 * minute, listenerCertificate(365*day, 30*day),
		listenerCertificate(365*day, 300*day), nil},
	{"a certificate for 47 days is not renewed", 70 * minute, listenerCertificate(47*day, 11*day),
		listenerCertificate(47*day, 47*day), []alert{{"LBCListenerCertificateExpires", 61 * minute, minute}}},
	{"a certificate for 47 days ends in 13 days", 70 * minute, listenerCertificate(47*day, 13*day),
		listenerCertificate(47*day, 47*day), nil},
	{"a certificate for six days is not renewed", 70 * minute, listenerCertificate(6*day, day),
		listenerCertificate(6*day, 6*day), []alert{{"LBCListenerCertificateExpires", 61 * minute, minute}}},
	{"a certificate for six days ends in four days", 70 * minute, listenerCertificate(6*day, 4*day),
		listenerCertificate(6*day, 6*day), nil},
	{"the certificate of the webhooks is about to end", time.Hour, webhookCertificate(90*day, time.Hour),
		webhookCertificate(90*day, 90*day), []alert{{"LBCWebhookCertificateExpires", 11 * minute, minute}}},
	{"a certificate of the webhooks for a day ends in twelve hours", time.Hour, webhookCertificate(day, 12*time.Hour),
		webhookCertificate(day, day), nil},
	{"many objects wait for passes", 20 * minute, func(w *world) { w.depth.WithLabelValues("ingress").Set(500) },
		func(w *world) { w.depth.WithLabelValues("ingress").Set(0) },
		[]alert{{"LBCBacklog", 16 * minute, minute}}},
	{"deletions are held", 5 * minute, number(setHeld, 3), number(setHeld, 0),
		[]alert{{"LBCDeletionsHeld", minute, minute}}},
	{"an administrator holds load balancers", 40 * minute, (*world).hold, (*world).release,
		[]alert{{"LBCHeld", minute, minute}}},
	{"a check of the leader finds errors", 15 * minute, found("ingress-class-missing", "error", 2),
		found("ingress-class-missing", "error", 0), []alert{{"LBCDoctorErrors", 11 * minute, minute}}},
	{"a check of the leader finds errors for five minutes", 5 * minute, found("ingress-class-missing", "error", 2),
		found("ingress-class-missing", "error", 0), nil},
	{"a check of the leader finds a warning", 70 * minute, found("object-failing", "warning", 1),
		found("object-failing", "warning", 0), []alert{{"LBCDoctorWarnings", 61 * minute, minute}}},
	{"a check of the leader finds a note", 70 * minute, found("load-balancers-shareable", "note", 1),
		found("load-balancers-shareable", "note", 0), []alert{{"LBCDoctorNotes", 61 * minute, minute}}},
}...)

// degradations are a fault for each reason of lbc_degraded that LBCDegraded is about. The others have alerts and rows of
// their own.
func degradations() (out []fault) {
	own := []impairment.Reason{impairment.Credentials, impairment.Permissions, impairment.Unanswered, impairment.Throttled}
	for _, i := range impairment.Reasons {
		if !slices.Contains(own, i.Reason) {
			out = append(out, fault{"the controller lacks " + string(i.Reason), 15 * minute,
				func(w *world) { w.conditions.Set(impairment.Condition{Reason: i.Reason}) },
				func(w *world) { w.conditions.Heal(i.Reason) }, []alert{{"LBCDegraded", 11 * minute, minute}}})
		}
	}
	return out
}

// since sets when something began; the zero time: it has ended.
func (w *world) since(of *time.Time, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*of = at
}

// drifts has checks for drift find something to undo so many times.
func (w *world) drifts(n int) {
	for range n {
		w.drift()
	}
}

const day = 24 * time.Hour

// listenerCertificate has a listener use a certificate with a lifetime, some of which is left.
func listenerCertificate(life, left time.Duration) func(*world) {
	return func(w *world) { w.secure(&w.listener, life, left) }
}

// webhookCertificate has the webhooks use one.
func webhookCertificate(life, left time.Duration) func(*world) {
	return func(w *world) { w.secure(&w.webhook, life, left) }
}

func (w *world) secure(of *certificate.End, life, left time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	of.NotAfter = time.Now().Add(left)
	of.NotBefore = of.NotAfter.Add(-life)
}

func TestEachAlertIsInTheTable(t *testing.T) {
	t.Parallel()
	var known []string
	for _, f := range faults {
		for _, a := range f.alerts {
			known = append(known, a.name)
		}
	}
	for _, r := range rules(t) {
		if !slices.Contains(known, r.Alert) {
			t.Errorf("no fault makes %s fire", r.Alert)
		}
	}
}

// TestAlertsFireInTheirFaultsOnly has each fault begin and end. With -v it prints when each alert fired and ended.
func TestAlertsFireInTheirFaultsOnly(t *testing.T) {
	t.Parallel()
	measured := make([]string, len(faults))
	t.Cleanup(func() {
		t.Logf("\n| Fault | Alert | Fires after | Ends after the cure |\n|---|---|---|---|\n%s", strings.Join(measured, ""))
	})
	chosen := sample.OneOf(4)
	for n, f := range faults {
		if !chosen.Next() {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				w := newWorld(ctx, t)
				w.watch(ctx, t, settled)
				begun := time.Now()
				f.begin(w)
				w.watch(ctx, t, f.lasts)
				cured := time.Now()
				f.cure(w)
				w.watch(ctx, t, watched)
				cancel()
				time.Sleep(time.Minute) // calls under way end
				w.glance(t, f, f.longest()-watched)
				for _, text := range f.judge(w.alerts.firings, begun, cured) {
					t.Error(text)
				}
				measured[n] = f.rows(w.alerts.firings, begun, cured)
			})
		})
	}
}

// rows are the alerts of a fault as rows of a table.
func (f fault) rows(firings map[string][]firing, begun, cured time.Time) (out string) {
	if len(f.alerts) == 0 {
		return fmt.Sprintf("| %s | none | | |\n", f.name)
	}
	for _, a := range f.alerts {
		if all := firings[a.name]; len(all) > 0 {
			out += fmt.Sprintf("| %s | %s | %s | %s |\n", f.name, a.name, all[0].begin.Sub(begun),
				max(0, all[len(all)-1].end.Sub(cured)))
		}
	}
	return out
}

// judge returns what is wrong with the times at which alerts fired.
func (f fault) judge(firings map[string][]firing, begun, cured time.Time) (wrong []string) {
	for _, a := range f.alerts {
		all := firings[a.name]
		if len(all) == 0 {
			wrong = append(wrong, a.name+" does not fire")
			continue
		}
		if after := all[0].begin.Sub(begun); after > a.within {
			wrong = append(wrong, fmt.Sprintf("%s fires after %s, not within %s", a.name, after, a.within))
		}
		last := all[len(all)-1]
		if after := last.end.Sub(cured); last.end.IsZero() || after > a.ends {
			wrong = append(wrong, fmt.Sprintf("%s does not end within %s of the cure: %s", a.name, a.ends, after))
		}
	}
	for name, all := range firings {
		for _, x := range all {
			switch {
			case x.begin.Before(begun):
				wrong = append(wrong, name+" fires before the fault")
			case x.begin.After(cured.Add(scrapeInterval)):
				wrong = append(wrong, fmt.Sprintf("%s fires %s after the cure", name, x.begin.Sub(cured)))
			case !f.has(name):
				wrong = append(wrong, fmt.Sprintf("%s fires %s after the beginning of the fault", name, x.begin.Sub(begun)))
			}
		}
	}
	return wrong
}
