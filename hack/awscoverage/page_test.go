package awscoverage

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestPageHasAllOfTheSDK fails if the SDK has something that table.yaml lacks, or if the page is not generated anew.
func TestPageHasAllOfTheSDK(t *testing.T) {
	t.Parallel()
	want, err := Page()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../docs/aws-coverage.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/aws-coverage.md differs from its table; run: go run ./hack/gendocs")
	}
}

// TestSourceOfTheSDKIsRead holds a name of each kind, which another form of the SDK's comments would lose.
func TestSourceOfTheSDKIsRead(t *testing.T) {
	t.Parallel()
	sdk, err := Read()
	if err != nil {
		t.Fatal(err)
	}
	for kind, c := range map[string]struct {
		got   []string
		least int
		want  []string
	}{
		"operations": {sdk.Operations, 51, []string{"CreateRule", "SetSubnets"}},
		"load balancer attributes": {sdk.Attributes["LoadBalancerAttribute"], 25, []string{
			"access_logs.s3.enabled", "secondary_ips.auto_assigned.per_subnet"}},
		"target group attributes": {sdk.Attributes["TargetGroupAttribute"], 24, []string{
			"target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage",
			"send_tcp_reset.on_unhealthy.enabled", "lambda.multi_value_headers.enabled"}},
		"listener attributes": {sdk.Attributes["ListenerAttribute"], 20, []string{"tcp.idle_timeout.seconds",
			"routing.http.response.x_frame_options.header_value"}},
		"conditions": {sdk.Conditions, 6, []string{"host-header", "source-ip"}},
		"actions":    {sdk.Enumerations["ActionTypeEnum"], 6, []string{"jwt-validation"}},
		"transforms": {sdk.Enumerations["TransformTypeEnum"], 2, []string{"url-rewrite"}},
		"protocols":  {sdk.Enumerations["ProtocolEnum"], 9, []string{"TCP_QUIC"}},
	} {
		for _, name := range c.want {
			if !slices.Contains(c.got, name) {
				t.Errorf("%s lack %s: %v", kind, name, c.got)
			}
		}
		if len(c.got) < c.least {
			t.Errorf("%d %s, want at least %d: %v", len(c.got), kind, c.least, c.got)
		}
	}
}

// TestNewsOfTheSDKAreProblems adds to the SDK, and takes from it, what each section has.
func TestNewsOfTheSDKAreProblems(t *testing.T) {
	t.Parallel()
	table, err := readTable()
	if err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*SDK){
		"operation Teleport of the SDK has no row": func(s *SDK) { s.Operations = append(s.Operations, "Teleport") },
		"attribute a.b of the SDK has no row": func(s *SDK) {
			s.Attributes["ListenerAttribute"] = append(s.Attributes["ListenerAttribute"], "a.b")
		},
		"condition moon-phase of the SDK has no row": func(s *SDK) { s.Conditions = append(s.Conditions, "moon-phase") },
		"value teleport of the SDK has no row": func(s *SDK) {
			s.Enumerations["ActionTypeEnum"] = append(s.Enumerations["ActionTypeEnum"], "teleport")
		},
		"value x of the SDK has no row": func(s *SDK) { s.Enumerations["NewEnum"] = []string{"x"} },
		"enumeration TargetTypeEnum has a row and is not in the SDK": func(s *SDK) {
			delete(s.Enumerations, "TargetTypeEnum")
		},
		"operation GetResourcePolicy has a row and is not in the SDK": func(s *SDK) {
			s.Operations = slices.DeleteFunc(s.Operations, func(o string) bool { return o == "GetResourcePolicy" })
		},
	} {
		sdk, err := Read()
		if err != nil {
			t.Fatal(err)
		}
		change(sdk)
		if _, problems := write(sdk, table); !slices.Contains(problems, want) {
			t.Errorf("problems:\n%s\nlack %q", strings.Join(problems, "\n"), want)
		}
	}
}
