package config

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDefaultsAreThoseOfTheExistingController(t *testing.T) {
	t.Parallel()
	c, err := Parse([]string{"--cluster-name=demo"})
	if err != nil {
		t.Fatal(err)
	}
	if c.DefaultScheme != "internal" || c.DefaultTargetType != "instance" || !c.LeaderElection ||
		c.SyncPeriod.Hours() != 10 || c.MaxRetries != 10 {
		t.Errorf("unexpected defaults: %+v", c)
	}
	want := strings.Join([]string{
		`Elastic Load Balancing v2:^RegisterTargets|^DeregisterTargets=4:20,Elastic Load Balancing v2:^Describe.*=50:200,Elastic Load Balancing v2:^Modify.*=3:20`,
		`WAFV2:^AssociateWebACL|DisassociateWebACL=0.5:1,WAFV2:^GetWebACLForResource|ListResourcesForWebACL=1:1`,
	}, ",")
	if diff := cmp.Diff(want, c.Throttle.String()); diff != "" {
		t.Errorf("throttle default (-want +got):\n%s", diff)
	}
}

// TestDefaultTagsMaySelect has a key that objects may not set: administrators set flags.
func TestDefaultTagsMaySelect(t *testing.T) {
	t.Parallel()
	c, err := Parse([]string{"--cluster-name=c", "--default-tags=karpenter.sh/discovery=c"})
	if err == nil {
		err = c.Validate()
	}
	if err != nil {
		t.Error(err)
	}
}

func TestSettingsThatAreRefusedAreReportedWithTheReason(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, args, want string }{
		{"no cluster name", "", "kubernetes cluster name must be specified"},
		{"tracking key in default tags", "--cluster-name=c --default-tags=ingress.k8s.aws/stack=x",
			"tag key ingress.k8s.aws/stack cannot be specified in default-tags flag"},
		{"tracking key in external tags", "--cluster-name=c --external-managed-tags=elbv2.k8s.aws/cluster",
			"cannot be specified in external-managed-tags flag"},
		{"tag of nodes in default tags", "--cluster-name=c --default-tags=kubernetes.io/cluster/c=owned",
			"tag key kubernetes.io/cluster/c cannot be specified in default-tags flag"},
		{"reserved key in other letters", "--cluster-name=c --default-tags=ELBV2.k8s.aws/retained=true",
			"cannot be specified in default-tags flag"},
		{"tag key in both flags", "--cluster-name=c --default-tags=a=b --external-managed-tags=a",
			"cannot be specified in both default-tags and external-managed-tags flag"},
		{"target type", "--cluster-name=c --default-target-type=pod", "invalid value pod for default target type"},
		{"scheme", "--cluster-name=c --default-load-balancer-scheme=public", "invalid value public for default scheme"},
		{"backend group id", "--cluster-name=c --backend-security-group=backend",
			"invalid value backend for backend security group id"},
		{"node group id", "--cluster-name=c --node-security-group=nodes", "invalid value nodes for --node-security-group"},
		{"backend rules without backend group", "--cluster-name=c --enable-manage-backend-security-group-rules " +
			"--enable-backend-security-group=false", "backend security group must be enabled"},
		{"time of addresses", "--cluster-name=c --publish-address=healthy",
			`invalid value "healthy" for --publish-address: it takes created or active`},
		{"secrets label", "--cluster-name=c --required-secrets-label=x", `invalid value "x" for --required-secrets-label`},
		{"a certificate of metrics without HTTPS", "--cluster-name=c --metrics-cert-dir=/certs",
			"--metrics-cert-dir has no effect without --metrics-secure: set both or neither"},
		{"webhook port", "--cluster-name=c --webhook-bind-port=70000", "invalid value 70000 for --webhook-bind-port"},
		{"two certificates of webhooks", "--cluster-name=c --webhook-cert-secret=s --webhook-cert-dir=/d",
			"cannot both be given"},
		{"short-lived certificate of webhooks", "--cluster-name=c --webhook-cert-lifetime=1s",
			"invalid value 1s for --webhook-cert-lifetime"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse(strings.Fields(tc.args))
			var usage UsageError
			if err == nil || errors.As(err, &usage) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Parse(%s) = %v, want an error with %q", tc.args, err, tc.want)
			}
		})
	}
}

func TestCommandLinesThatCannotBeParsedAreUsageErrors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ args, want string }{
		{"--enable-acm-certificates", "unknown flag"},
		{"--feature-gates=Nope=true", "unknown feature: Nope"},
		{"--feature-gates=EnableRGTAPI", "is not a feature gate with a value"},
		{"--sync-period=soon", "invalid"},
		{"--aws-api-throttle=EC2", "must be formatted as serviceID:operationRegex=rate:burst"},
		{"--aws-api-throttle=EC2:Describe=x:1", "must be valid float number"},
		{"--aws-api-throttle=EC2:Describe=1:x", "must be valid integer"},
		{"--aws-api-throttle=EC2:(=1:1", "must be valid regex"},
		{"--aws-api-throttle=EC2:Describe=0:5", "0 must be more than 0 as rate"},
		{"--aws-api-throttle=EC2:Describe=NaN:5", "NaN must be more than 0 as rate"},
		{"--default-tags=", "must be formatted as key=value"},
	} {
		_, err := Parse([]string{"--cluster-name=c", tc.args})
		var usage UsageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("Parse(%s) = %v, want a usage error with %q", tc.args, err, tc.want)
		}
	}
}

func TestAFlagWithoutEffectIsReportedNotIgnored(t *testing.T) {
	t.Parallel()
	c, err := Parse([]string{"--cluster-name=c", "--aws-vpc-tag-key=vpc", "--lb-stabilization-monitor-interval=1m",
		"--enable-endpoint-slices=false", "--enable-wafv2=false"})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Notices) != 2 {
		t.Errorf("notices = %q, want one for --aws-vpc-tag-key and one for --enable-endpoint-slices", c.Notices)
	}
}

func TestFlagsOfExistingControllerAreAcceptedWithNotice(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		arg, notice string
		want        func(*Config) bool
	}{
		{"--log-level=warn", "--log-level=warn has no effect: the levels are info and debug",
			func(c *Config) bool { return c.LogLevel == "info" }},
		{"--log-level=", "--log-level= has no effect", func(c *Config) bool { return c.LogLevel == "info" }},
		{"--enable-endpoint-slices=false", "endpoints are always read from EndpointSlices", nil},
		{"--enable-waf=false", "--enable-waf=false has no effect: AWS ended WAF Classic on 2025-09-30", nil},
		{"--enable-waf", "--enable-waf=true has no effect: AWS ended WAF Classic on 2025-09-30", nil},
		{"--console-bind-addr=127.0.0.1:9090", "lbc console serves the same page", nil},
		{"--delete-orphans-after=24h", "lbc cleanup --orphans deletes them", nil},
		{"--enable-node-drain-condition", "writes no conditions to nodes", nil},
		{"--aws-api-throttle=WAF Regional:^Get=1:1", "--aws-api-throttle: the entry for WAF Regional has no effect", nil},
		{"--quic-environment-variable-name=1 ID", "AWS_LBC_QUIC_SERVER_ID is used",
			func(c *Config) bool { return c.QUICVariable == "AWS_LBC_QUIC_SERVER_ID" }},
		{"--max-rules-per-security-group=-1", "AWS's default is used", func(c *Config) bool {
			return c.RulesPerSecurityGroup == 0
		}},
		{"--max-targets-per-target-group=-1", "a number below 0 means no limit", func(c *Config) bool {
			return c.MaxTargetsPerGroup == 0
		}},
		{"--targetgroupbinding-requeue-duration=0s", "15s is used", func(c *Config) bool {
			return c.BindingRequeue == 15*time.Second
		}},
		{"--targetgroupbinding-max-exponential-backoff-delay=0", "16m40s is used",
			func(c *Config) bool { return c.BindingMaxBackoff == 1000*time.Second }},
		{"--globalaccelerator-max-exponential-backoff-delay=0s", "16m40s is used",
			func(c *Config) bool { return c.Accelerators.MaxBackoff == 1000*time.Second }},
		{"--lb-stabilization-monitor-interval=-1s", "2m0s is used", func(c *Config) bool {
			return c.StabilizationInterval == 2*time.Minute
		}},
		{"--sync-period=-1h", "below 0 turns the resync off", func(c *Config) bool { return c.SyncPeriod == 0 }},
	} {
		c, err := Parse([]string{"--cluster-name=c", tc.arg})
		if err != nil {
			t.Errorf("%s: %v", tc.arg, err)
			continue
		}
		if len(c.Notices) != 1 || !strings.Contains(c.Notices[0], tc.notice) || tc.want != nil && !tc.want(c) {
			t.Errorf("%s: notices %q, configuration %+v", tc.arg, c.Notices, c)
		}
	}
}

func TestEveryFlagWithoutEffectIsListedOnce(t *testing.T) {
	t.Parallel()
	fs := FlagSet(&Config{})
	seen := map[string]bool{}
	for _, i := range inert {
		if fs.Lookup(i.flag) == nil || seen[i.flag] {
			t.Errorf("inert: %s is not a flag or is listed twice", i.flag)
		}
		seen[i.flag] = true
	}
}

func TestEntriesOfAServiceReplaceItsDefaultLimits(t *testing.T) {
	t.Parallel()
	c, err := Parse([]string{"--cluster-name=c", "--aws-api-throttle=Elastic Load Balancing v2:^Create=1:2,EC2:.*=5:5"})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(c.Throttle["Elastic Load Balancing v2"]); n != 1 {
		t.Errorf("ELBv2 has %d rules, want 1", n)
	}
	if len(c.Throttle["EC2"]) != 1 || len(c.Throttle["WAFV2"]) != 2 {
		t.Errorf("other services changed: %v", c.Throttle)
	}
}

func TestWorkersAreManyUnlessANumberIsGiven(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		args                       []string
		ingress, services, binding int
	}{
		{nil, 48, 48, 32},
		{[]string{"--ingress-max-concurrent-reconciles=3", "--targetgroupbinding-max-concurrent-reconciles=5"}, 3, 48, 5},
		{[]string{"--service-max-concurrent-reconciles=0"}, 48, 48, 32},
	} {
		c, err := Parse(append([]string{"--cluster-name=c"}, tc.args...))
		if err != nil {
			t.Fatal(err)
		}
		if c.IngressWorkers != tc.ingress || c.ServiceWorkers != tc.services || c.BindingWorkers != tc.binding {
			t.Errorf("%v: %d, %d, %d", tc.args, c.IngressWorkers, c.ServiceWorkers, c.BindingWorkers)
		}
	}
}

func TestAutoGatewaysNeedBothFamilies(t *testing.T) {
	t.Parallel()
	for gates, want := range map[string]bool{"ALBGatewayAPI=true": true, "ALBGatewayAPI=false": false,
		"NLBGatewayAPI=false": false, "AutoGatewayAPI=false": false, "GatewayListenerSet=false": true} {
		if c, err := Parse([]string{"--cluster-name=c", "--feature-gates=" + gates}); err != nil || c.ServesAutoGateways() !=
			want || !c.ServesGateways() {
			t.Errorf("%s: %v, %v", gates, c.ServesAutoGateways(), err)
		}
	}
}

func TestNamesOfGatewayControllersDiffer(t *testing.T) {
	t.Parallel()
	for _, arg := range []string{"--alb-gateway-controller-name=gateway.k8s.aws/nlb",
		"--nlb-gateway-controller-name=gateway.k8s.aws/auto", "--auto-gateway-controller-name=gateway.k8s.aws/alb"} {
		if _, err := Parse([]string{"--cluster-name=c", arg}); err == nil || !strings.Contains(err.Error(), "must differ") {
			t.Errorf("%s: %v", arg, err)
		}
	}
	c, err := Parse([]string{"--cluster-name=c", "--nlb-gateway-max-concurrent-reconciles=4"})
	if g := c.Gateways; err != nil || g.ALB != "gateway.k8s.aws/alb" || g.NLB != "gateway.k8s.aws/nlb" ||
		g.Auto != "gateway.k8s.aws/auto" || g.ALBWorkers != 48 || g.NLBWorkers != 4 || g.ClassWorkers != 3 {
		t.Errorf("%+v, %v", g, err)
	}
}

func TestOnlyBuiltInLimitsAreMarkedAsSuch(t *testing.T) {
	t.Parallel()
	c, err := Parse([]string{"--cluster-name=c", "--aws-api-throttle=Elastic Load Balancing v2:^Create=1:2"})
	if err != nil {
		t.Fatal(err)
	}
	for service, rules := range c.Throttle {
		for _, r := range rules {
			if given := service == "Elastic Load Balancing v2"; r.Default == given {
				t.Errorf("%s:%s: default %v", service, r.Operation, r.Default)
			}
		}
	}
}

func TestDocumentedGateSpellingsAreAccepted(t *testing.T) {
	t.Parallel()
	c, err := Parse([]string{"--cluster-name=c", "--feature-gates= NLBHealthCheckAdvancedConfiguration = true , " +
		",ALBSingleSubnet=1"})
	if err != nil {
		t.Fatal(err)
	}
	if !c.Gates.Enabled(NLBHealthCheckAdvancedConfig) || !c.Gates.Enabled(ALBSingleSubnet) ||
		c.Gates.Enabled(EnableRGTAPI) {
		t.Errorf("gates = %s", c.Gates)
	}
}

func TestAcceleratorsAreServedOnlyInPartitionsWithTheService(t *testing.T) {
	t.Parallel()
	const gate = "--feature-gates=GlobalAcceleratorController=true"
	for region, want := range map[string]bool{
		"us-west-2": true, "us-east-1": true, "eu-central-1": true, "eu-isle-1": true, "": true,
		"cn-north-1": false, "CN-NORTH-1": false, "us-gov-west-1": false, "us-iso-east-1": false, "us-isob-east-1": false,
		"us-isof-south-1": false,
		"eu-isoe-west-1":  false, "eusc-de-east-1": false,
	} {
		c, err := Parse([]string{"--cluster-name=c", "--aws-region=" + region, gate})
		if err != nil {
			t.Fatal(err)
		}
		notice := c.AcceleratorNotice()
		if c.ServesAccelerators() != want || (notice == "") != want || (len(c.Notices) == 0) != want || !want &&
			!strings.Contains(notice, "of region "+region) {
			t.Errorf("%s: served %v, notices %q", region, c.ServesAccelerators(), c.Notices)
		}
	}
	c, err := Parse([]string{"--cluster-name=c", "--aws-region=cn-north-1"})
	if err != nil || c.ServesAccelerators() || len(c.Notices) > 0 {
		t.Errorf("without the gate: %v, notices %q, %v", c.ServesAccelerators(), c.Notices, err)
	}
}

func TestTheSettingsOfAcceleratorsAreThoseOfTheExistingController(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]Accelerators{
		"": {1, 1000 * time.Second}, "--globalaccelerator-max-concurrent-reconciles=5": {5, 1000 * time.Second},
		"--globalaccelerator-max-concurrent-reconciles=0":      {1, 1000 * time.Second},
		"--globalaccelerator-max-exponential-backoff-delay=5m": {1, 5 * time.Minute},
	} {
		if c, err := Parse(strings.Fields("--cluster-name=c " + args)); err != nil || c.Accelerators != want {
			t.Errorf("%s: %+v, %v", args, c.Accelerators, err)
		}
	}
}

func TestAnEndpointThatNothingCallsIsReported(t *testing.T) {
	t.Parallel()
	c, err := Parse([]string{"--cluster-name=c", "--aws-api-endpoints=EC2=http://a,elbv2=http://b,Elastic Load " +
		"Balancing v2=http://c,Global Accelerator=http://d,SQS=http://e"})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Notices) != 2 || !strings.Contains(c.Notices[0], "SQS has no effect") || !strings.Contains(c.Notices[1],
		"elbv2 has no effect") {
		t.Errorf("notices %q", c.Notices)
	}
}

func TestNoAttemptsAreTheSDKsDefault(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]int{"": 10, "--aws-max-retries=0": 3, "--aws-max-retries=-1": 3,
		"--aws-max-retries=1": 1} {
		if c, err := Parse(strings.Fields("--cluster-name=c " + args)); err != nil || c.MaxRetries != want {
			t.Errorf("%q: %+v, %v; want %d attempts", args, c, err, want)
		}
	}
}

// flagsOfTheExistingController are those that its version 3.5 documents, without that of an add-on which stands apart.
const flagsOfTheExistingController = `
	alb-gateway-max-concurrent-reconciles allowed-certificate-authority-arns aws-api-endpoints aws-api-throttle aws-max-retries aws-region aws-vpc-id
	aws-vpc-tag-key aws-vpc-tags backend-security-group cluster-name default-load-balancer-scheme default-pca-arn default-ssl-policy default-tags
	default-target-type disable-ingress-class-annotation disable-ingress-group-name-annotation disable-restricted-sg-rules enable-backend-security-group
	enable-endpoint-slices enable-leader-election enable-manage-backend-security-group-rules enable-pod-readiness-gate-inject enable-shield
	enable-wafv2 external-managed-tags feature-gates gateway-class-max-concurrent-reconciles globalaccelerator-max-concurrent-reconciles
	globalaccelerator-max-exponential-backoff-delay health-probe-bind-addr ingress-class ingress-max-concurrent-reconciles kube-ca-pem-filepath
	kubeconfig lb-stabilization-monitor-interval leader-election-id leader-election-namespace load-balancer-class log-level max-targets-per-target-group
	metrics-bind-addr nlb-gateway-max-concurrent-reconciles quic-environment-variable-name required-secrets-label service-max-concurrent-reconciles
	service-target-eni-security-group-tags sync-period targetgroupbinding-max-concurrent-reconciles targetgroupbinding-max-exponential-backoff-delay
	targetgroupbinding-requeue-duration tolerate-non-existent-backend-action tolerate-non-existent-backend-service watch-namespace webhook-bind-port
	webhook-cert-dir webhook-cert-file webhook-key-file
`

func TestEachFlagOfTheExistingControllerIsKnown(t *testing.T) {
	t.Parallel()
	fs := FlagSet(&Config{})
	for _, name := range strings.Fields(flagsOfTheExistingController) {
		if fs.Lookup(name) == nil {
			t.Errorf("--%s stops the controller", name)
		}
	}
}

func TestTheVersionIsPrintedWhateverElseIsWrong(t *testing.T) {
	t.Parallel()
	if _, err := Parse([]string{"--version"}); !errors.Is(err, ErrVersion) {
		t.Errorf("got %v", err)
	}
}
