package diag

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestALongTextKeepsItsBeginningAndItsEnd(t *testing.T) {
	t.Parallel()
	d := New(Object{Kind: "Ingress", Name: "web"}, "spec", InvalidAnnotation, "complaint: "+strings.Repeat("é", 1<<20)+
		": the cause", strings.Repeat("x", 1<<20))
	if len(d.Message()) > 3*maxText || !strings.HasPrefix(d.Text, "complaint: é") ||
		!strings.HasSuffix(d.Text, ": the cause") || !utf8.ValidString(d.Text) {
		t.Errorf("%d bytes: %q", len(d.Message()), d.Text)
	}
	if short := strings.Repeat("x", maxText); New(Object{}, "", InvalidAnnotation, short, "").Text != short {
		t.Error("a text that fits is changed")
	}
}

func TestWhatIsNoTextBecomesOne(t *testing.T) {
	t.Parallel()
	if m := New(Object{}, "metadata.annotations[a\xff]", InvalidAnnotation, "bad \xfe\xff value",
		"write \xff").Message(); !utf8.ValidString(m) {
		t.Errorf("%q", m)
	}
}

func TestTheEventReasonFollowsThePhase(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code  Code
		phase Phase
		want  EventReason
	}{
		{CertificateNotFound, "", FailedBuildModel},
		{CertificateNotFound, Building, FailedBuildModel},
		{CertificateNotFound, Deploying, FailedDeployModel},
		{InvalidSubnets, Deploying, FailedDeployModel},
		{SecurityGroupNotFound, Deploying, FailedDeployModel},
		{TrustStoreNotFound, Deploying, FailedDeployModel},
		{TargetGroupNotFound, Deploying, FailedDeployModel},
		{AccessDenied, "", FailedDeployModel},
		{AccessDenied, Building, FailedBuildModel},
		{InvalidGroup, Building, FailedLoadGroupID},
		{IgnoredSetting, Deploying, NoteReason},
		{EndpointNotResolved, Deploying, FailedNetwork},
	} {
		d := New(Object{}, "", c.code, "text", "")
		d.Phase = c.phase
		if got := d.Reason(); got != c.want {
			t.Errorf("%s in phase %q: %s, want %s", c.code, c.phase, got, c.want)
		}
	}
}

func TestSeverityFollowsClassAndCode(t *testing.T) {
	t.Parallel()
	for c, want := range map[Code]Severity{InvalidRule: Error, UnknownAnnotation: Warning, EndedSupport: Warning,
		IgnoredSetting: Remark} {
		if got := New(Object{}, "", c, "text", "remedy").Severity(); got != want {
			t.Errorf("%s is shown as %s, want %s", c, got, want)
		}
	}
}
