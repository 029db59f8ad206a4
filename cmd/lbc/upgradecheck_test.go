package main

import (
	"net/http/httptest"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestUpgradeCheckRefusesWritesToAWS shows the exit status and what is said, with flags that differ from those of the
// Deployment.
func TestUpgradeCheckRefusesWritesToAWS(t *testing.T) {
	sim, _ := simulated(t)
	aws := httptest.NewServer(sim.Handler())
	t.Cleanup(aws.Close)
	deployed := controllerWith("--cluster-name=demo-cluster", "--aws-region=us-west-2", "--aws-vpc-id",
		"vpc-0a1de000000000001", "--default-tags=team=shop")
	flags := []string{"plan", "-A", "--exit-code", "--upgrade-check", "--cluster-name=demo-cluster",
		"--aws-region=us-west-2", "--aws-vpc-id=vpc-0a1de000000000001", "--webhook-cert-secret=tls"}
	with := func(objects ...client.Object) {
		t.Helper()
		for k, v := range map[string]string{
			"KUBECONFIG": newAPIServer(t, append(objects, deployed)...).kubeconfig(t), "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
			"AWS_SECRET_ACCESS_KEY": "secret", "AWS_ENDPOINT_URL": aws.URL,
			"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nonexistent",
			"AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
		} {
			t.Setenv(k, v)
		}
	}
	with(ingressIn(t, "shop", "front")...)
	out, errOut, err := lbc(t, "", flags...)
	//nolint:errorlint // a value
	if err != exitChanges || !strings.Contains(out, "shop/front") ||
		!strings.Contains(errOut, "--set upgradeCheck.enabled=false") || !strings.Contains(errOut, "lbc plan -A") {
		t.Errorf("with steps: %v\n%s%s", err, out, errOut)
	}
	if strings.Contains(out+errOut, "team=shop") {
		t.Errorf("a flag of the Deployment is taken:\n%s%s", out, errOut)
	}
	with()
	if _, errOut, err = lbc(t, "", flags...); err != nil || !strings.Contains(errOut, "would write nothing to AWS") {
		t.Errorf("without steps: %v\n%s", err, errOut)
	}
	broken := ingressIn(t, "shop", "front")
	for _, o := range broken {
		if i, ok := o.(*networkingv1.Ingress); ok {
			i.Annotations = map[string]string{"alb.ingress.kubernetes.io/scheme": "nowhere"}
		}
	}
	with(broken...)
	if out, errOut, err = lbc(t, "", flags...); err != nil || !strings.Contains(out, "nowhere") {
		t.Errorf("with an object that was never valid: %v\n%s%s", err, out, errOut)
	}
	for _, args := range [][]string{{"plan", "--upgrade-check"}, {"plan", "-A", "--upgrade-check", "-f",
		"../../examples/nlb.yaml"}} {
		if _, _, err := lbc(t, "", args...); err == nil || !strings.Contains(err.Error(),
			"--upgrade-check needs -A and no files") {
			t.Errorf("%v: %v", args, err)
		}
	}
}
