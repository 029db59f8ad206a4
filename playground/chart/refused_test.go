package chart

import (
	"strings"
	"testing"
)

// TestBadValuesAreRefusedWithASentence: rendering fails, and the error says which value is wrong and what to write.
func TestBadValuesAreRefusedWithASentence(t *testing.T) {
	t.Parallel()
	c := load(t)
	for _, tc := range []struct{ values, want string }{
		{`{}`, "Chart cannot be installed without a valid clusterName!"},
		{`{clusterName: ""}`, "Chart cannot be installed without a valid clusterName!"},
		{`{clusterName: [a]}`, "at '/clusterName': got array, want null or string"},

		// Names.
		{`{clusterName: c, clustername: d}`, "unknown value clustername: did you mean clusterName?"},
		{`{clusterName: c, vpcID: vpc-1}`, "unknown value vpcID: did you mean vpcId?"},
		{`{clusterName: c, replicaCuont: 3}`, "unknown value replicaCuont: did you mean replicaCount?"},
		{`{clusterName: c, tolerationz: []}`, "unknown value tolerationz: did you mean tolerations?"},
		{`{clusterName: c, enable-waf: false}`, "unknown value enable-waf: did you mean enableWaf?"},
		{`{clusterName: c, serviceAccount: {naem: a}}`, "unknown value serviceAccount.naem: did you mean " +
			"serviceAccount.name?"},
		{`{clusterName: c, webhookConfig: {ingressValidationObjectSelectr: {}}}`,
			"unknown value webhookConfig.ingressValidationObjectSelectr: did you mean " +
				"webhookConfig.ingressValidationObjectSelector?"},
		{`{clusterName: c, certManager: {rootCert: {durations: 1h}}}`,
			"unknown value certManager.rootCert.durations: did you mean certManager.rootCert.duration?"},
		{`{clusterName: c, featureGates: {ALBSingleSubnet: true}}`,
			"unknown value featureGates: did you mean controllerConfig.featureGates?"},
		{`{clusterName: c, controllerConfig: {featureGates: {AlbSingleSubnet: true}}}`,
			"unknown value controllerConfig.featureGates.AlbSingleSubnet: did you mean " +
				"controllerConfig.featureGates.ALBSingleSubnet?"},
		{`{clusterName: c, somethingElse: 1}`, "unknown value somethingElse: values.yaml of this chart has all names"},

		// What values may be.
		{`{clusterName: c, enableShield: "false"}`, "at '/enableShield': got string, want null or boolean"},
		{`{clusterName: c, replicaCount: two}`, "at '/replicaCount': got string, want null or integer"},
		{`{clusterName: c, webhookBindPort: 99999}`, "at '/webhookBindPort'"},
		{`{clusterName: c, syncPeriod: 10}`, "at '/syncPeriod': got number, want null or string"},
		{`{clusterName: c, syncPeriod: 10 hours}`, "at '/syncPeriod': '10 hours' does not match pattern"},
		{`{clusterName: c, defaultTargetType: pod}`, "at '/defaultTargetType': value must be one of 'instance', 'ip'"},
		{`{clusterName: c, backendSecurityGroup: default}`,
			"at '/backendSecurityGroup': 'default' does not match pattern '^$|^sg-'"},
		{`{clusterName: c, metricsBindAddr: 8080}`, "at '/metricsBindAddr'"},
		{`{clusterName: c, consoleBindAddr: ":9090"}`, "at '/consoleBindAddr': ':9090' does not match pattern"},
		{`{clusterName: c, consoleBindAddr: "0.0.0.0:9090"}`, "at '/consoleBindAddr'"},
		{`{clusterName: c, defaultTags: team}`, "at '/defaultTags'"},
		{`{clusterName: c, webhookTLS: {caCert: a, cert: b, key: c}}`, "at '/webhookTLS/caCert': 'a' does not match pattern"},
		{`{clusterName: c, serviceMutatorWebhookConfig: {operations: [DELETE]}}`,
			"at '/serviceMutatorWebhookConfig/operations/0': value must be one of 'CREATE', 'UPDATE'"},
		{`{clusterName: c, controllerConfig: {featureGates: {ALBSingleSubnet: 1}}}`,
			"at '/controllerConfig/featureGates/ALBSingleSubnet'"},

		// What does not go together.
		{`{clusterName: c, webhookTLS: {caCert: "-----BEGIN CERTIFICATE-----"}}`,
			"webhookTLS needs caCert, cert and key, all three"},
		{`{clusterName: c, enableCertManager: true, webhookTLS: {caCert: "-----BEGIN CERTIFICATE-----", cert: "-----BEGIN CERTIFICATE-----", key: "-----BEGIN PRIVATE KEY-----"}}`, "webhookTLS and enableCertManager both provide the certificate of the webhooks"},
		{`{clusterName: c, autoscaling: {enabled: true, maxReplicas: null}}`,
			"autoscaling.enabled needs autoscaling.maxReplicas: set the largest number of pods"},
		{`{clusterName: c, autoscaling: {enabled: true, minReplicas: 6}}`,
			"autoscaling.maxReplicas 5 is less than 6, autoscaling.minReplicas: set a higher one"},
		{`{clusterName: c, autoscaling: {enabled: true, maxReplicas: 0}}`, "at '/autoscaling/maxReplicas'"},
		{`{clusterName: c, metricsBindAddr: "0", serviceMonitor: {enabled: true}}`,
			"serviceMonitor.enabled needs metrics, which metricsBindAddr 0 turns off"},
		{`{clusterName: c, metricsBindAddr: "0", metrics: {secure: true}}`,
			"metrics.secure needs metrics, which metricsBindAddr 0 turns off"},
		{`{clusterName: c, metrics: {certSecret: tls}}`, "metrics.certSecret has no effect without metrics.secure"},
		{`{clusterName: c, serviceMonitor: {enabled: true}, prometheusRule: {enabled: true}}`,
			"prometheusRule.enabled needs serviceMonitor.honorLabels"},
		{`{clusterName: c, prometheusRule: {alerts: {LBCNoLeaders: {enabled: false}}}}`,
			"unknown alert LBCNoLeaders in prometheusRule.alerts: the alerts are LBCAWSUnanswered, LBCBacklog, "},
		{`{clusterName: c, prometheusRule: {alerts: {LBCNoLeader: {threshold: 2}}}}`,
			"prometheusRule.alerts.LBCNoLeader has no threshold"},
		{`{clusterName: c, prometheusRule: {alerts: {LBCBacklog: {treshold: 2}}}}`,
			"at '/prometheusRule/alerts/LBCBacklog': additional properties 'treshold' not allowed"},
		{`{clusterName: c, prometheusRule: {alerts: {LBCBacklog: {for: 1.5h}}}}`,
			"at '/prometheusRule/alerts/LBCBacklog/for': '1.5h' does not match pattern"},
		{`{clusterName: c, prometheusRule: {alerts: {LBCBacklog: {threshold: many}}}}`,
			"at '/prometheusRule/alerts/LBCBacklog/threshold': got string, want null or number"},
		{`{clusterName: c, prometheusRule: {alerts: {LBCBacklog: false}}}`,
			"at '/prometheusRule/alerts/LBCBacklog': got boolean, want null or object"},
		{`{clusterName: c, prometheusRule: {clusterLabel: "k8s-cluster"}}`,
			"at '/prometheusRule/clusterLabel': 'k8s-cluster' does not match pattern"},
		{`{clusterName: c, prometheusRule: {runbookURL: "https://mirror.example/page#top"}}`,
			"at '/prometheusRule/runbookURL'"},
		{`{clusterName: c, networkPolicy: {egressPreset: gcp}}`, "at '/networkPolicy/egressPreset'"},
		{`{clusterName: c, image: {digest: "0123"}}`, "at '/image/digest': '0123' does not match pattern"},
		{`{clusterName: c, global: {imageRegistry: "https://registry.example.com"}}`, "at '/global/imageRegistry'"},
		{`{clusterName: c, extraArgs: [region]}`, `extraArgs: "region" is no flag: write --name=value in one item`},
		{`{clusterName: c, extraArgs: [--aws-region=eu-west-1]}`,
			"extraArgs: --aws-region=eu-west-1 is set by the value region"},
	} {
		_, err := c.Render(values(t, tc.values), Release{})
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q in it", tc.values, err, tc.want)
		}
	}
}

// TestImagesOfTheExistingControllerAreRefused also shows it of values that Helm kept from the existing chart's release.
func TestImagesOfTheExistingControllerAreRefused(t *testing.T) {
	t.Parallel()
	c := load(t)
	const mirror = "123456789012.dkr.ecr.us-west-2.amazonaws.com/"
	for _, tc := range []struct{ repository, tag, want string }{
		{"public.ecr.aws/eks/aws-load-balancer-controller", "v3.5.0",
			"image.repository public.ecr.aws/eks/aws-load-balancer-controller has the image of the existing controller"},
		{"602401143452.dkr.ecr.us-west-2.amazonaws.com/amazon/aws-load-balancer-controller", "",
			"has the image of the existing controller"},
		{"amazon/aws-load-balancer-controller", "", "has the image of the existing controller"},
		{"docker.io/amazon/aws-alb-ingress-controller", "v0.1.0", "has the image of the existing controller"},
		{mirror + "ecr-public/EKS/aws-load-balancer-controller@sha256:00", "", "has the image of the existing controller"},
		{mirror + "aws-load-balancer-controller", "v2.13.4", "image.tag v2.13.4 is a version of the existing controller"},
		{mirror + "aws-load-balancer-controller", "3.0.0-linux_amd64",
			"image.tag 3.0.0-linux_amd64 is a version of the existing controller"},
		{mirror + "aws-load-balancer-controller", "v3.5.0@sha256:00", "is a version of the existing controller"},
		{mirror + "aws-load-balancer-controller:v2.4.1", "", "image.tag v2.4.1 is a version of the existing controller"},
		{mirror + "aws-load-balancer-controller", "v0.1.0", ""},
		{"registry.example.com:5000/team-eks/lbc", "v1.2.3", ""},
		{"registry.example.com:3.1/lbc", "main", ""},
	} {
		image := map[string]any{"repository": tc.repository, "tag": tc.tag}
		_, err := c.Render(base(map[string]any{"image": image}), Release{Upgrade: true})
		switch {
		case tc.want == "" && err != nil:
			t.Errorf("%v: %v", image, err)
		case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(),
			"Set image.repository and image.tag")):
			t.Errorf("%v: %v, want %q and what to set", image, err, tc.want)
		}
	}
}

// TestNotesNameWhatHasNoEffect: a value of the existing chart that this one accepts and does not act on is named after
// the installation, with the reason.
func TestNotesNameWhatHasNoEffect(t *testing.T) {
	t.Parallel()
	c := load(t)
	for _, tc := range []struct {
		values  string
		upgrade bool
		want    string
		apis    []string
	}{
		{values: `{clusterName: c}`, apis: []string{"eks.amazonaws.com/v1/IngressClassParams"},
			want: "enableServiceMutatorWebhook: EKS Auto Mode is in this cluster"},
		{values: `{clusterName: c, autoscaling: {enabled: true}}`,
			want: "autoscaling.enabled: HorizontalPodAutoscaler aws-load-balancer-controller sets the number of pods, from 1 " +
				"to 5; replicaCount has no effect. Only the leader reconciles"},
		{values: `{clusterName: c, autoscaling: {enabled: true}, resources: null}`,
			want: "The pods request no CPU, so the autoscaler cannot measure their use. Set resources.requests.cpu."},
		{values: `{clusterName: c, replicaCount: 1, podDisruptionBudget: {minAvailable: 1}}`,
			want: "podDisruptionBudget: the chart creates none for a single pod"},
		{values: `{clusterName: c, cluster: {dnsDomain: cluster.example}}`,
			want: "cluster.dnsDomain has no effect without enableCertManager"},
		{values: `{clusterName: c, terminationGracePeriodSeconds: 10}`,
			want: "terminationGracePeriodSeconds=10 cuts calls to AWS when a pod ends: the controller takes up to 25 seconds"},
		{values: `{clusterName: c, terminationGracePeriodSeconds: 19, preStopSleepSeconds: 0}`, upgrade: true,
			want: "the controller takes up to 20 seconds"},
		{values: `{clusterName: c, keepTLSSecret: true}`,
			want: "keepTLSSecret: Secret aws-load-balancer-tls is not in the cluster"},
		{values: `{clusterName: c}`, upgrade: true, want: "helm upgrade does not upgrade CRDs"},
	} {
		r := render(t, c, values(t, tc.values), Release{Upgrade: tc.upgrade, APIs: tc.apis})
		if !strings.Contains(r.Notes, tc.want) {
			t.Errorf("%s: the notes lack %q:\n%s", tc.values, tc.want, r.Notes)
		}
		if plain := render(t, c, values(t, `{clusterName: c}`), Release{}); strings.Contains(plain.Notes, tc.want) {
			t.Errorf("the notes of the defaults have %q", tc.want)
		}
	}
}
