package main

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestFlagsOfTheVariable has a cluster whose controller runs outside of it, as that of a playground.
func TestFlagsOfTheVariable(t *testing.T) {
	sim, _ := simulated(t)
	aws := httptest.NewServer(sim.Handler())
	t.Cleanup(aws.Close)
	outside := newAPIServer(t, ingressIn(t, "shop", "front")...)
	inside := newAPIServer(t, append(ingressIn(t, "shop", "front"), controllerWith("--cluster-name=deployed"))...)
	for k, v := range map[string]string{
		"KUBECONFIG": outside.kubeconfig(t), "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_ENDPOINT_URL":          aws.URL,
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nonexistent",
		"AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
		"LBC_FLAGS": "--cluster-name=outside --aws-region=us-west-2 --aws-vpc-id=vpc-0a1de000000000001 " +
			"--leader-election-namespace=ops",
	} {
		t.Setenv(k, v)
	}
	out, errOut, err := lbc(t, "", "plan", "-A")
	if err != nil || !strings.Contains(out, "ingress.k8s.aws:shop/front") ||
		!strings.Contains(errOut, "--cluster-name=outside") || !strings.HasSuffix(errOut, " are those of LBC_FLAGS\n") {
		t.Errorf("plan: %v\n%s%s", err, out, errOut)
	}
	if _, errOut, err = lbc(t, "", "timeline", "ingress/front", "-n", "shop"); strings.Contains(errOut, "missing") {
		t.Errorf("timeline: %v\n%s", err, errOut)
	}
	if out, _, _ = lbc(t, "", "doctor"); !strings.HasPrefix(out, "cluster outside, ") {
		t.Errorf("doctor: %s", out)
	}
	t.Setenv("KUBECONFIG", inside.kubeconfig(t))
	if _, errOut, _ = lbc(t, "", "plan", "-A", "--aws-vpc-id=vpc-0a1de000000000001"); !strings.Contains(errOut,
		"--cluster-name=deployed are those of Deployment ops/lbc") || strings.Contains(errOut, "outside") {
		t.Errorf("a Deployment wins: %s", errOut)
	}
	outside.refused = "deployments"
	t.Setenv("KUBECONFIG", outside.kubeconfig(t))
	if _, errOut, err = lbc(t, "", "plan", "-n", "shop"); !strings.HasSuffix(errOut, " are those of LBC_FLAGS\n") {
		t.Errorf("plan without permission to list Deployments: %v\n%s", err, errOut)
	}
	if found, err := controllers(t.Context(), overloaded{}); err == nil {
		t.Errorf("an API server that does not answer has %v", found)
	}
	outside.refused = ""
	t.Setenv("LBC_FLAGS", "--cluster-nam=x")
	t.Setenv("KUBECONFIG", outside.kubeconfig(t))
	const wrong = "LBC_FLAGS: unknown flag: --cluster-nam"
	if _, _, err = lbc(t, "", "plan"); err == nil || !strings.Contains(err.Error(), wrong) {
		t.Errorf("plan with a misspelt flag: %v", err)
	}
	t.Setenv("KUBECONFIG", inside.kubeconfig(t))
	if out, errOut, _ = lbc(t, "", "doctor"); !strings.HasPrefix(out, "cluster deployed, ") ||
		!strings.Contains(errOut, wrong) {
		t.Errorf("doctor with a misspelt flag: %s%s", out, errOut)
	}
}

// overloaded is an API server that answers no list.
type overloaded struct{ client.Reader }

func (overloaded) List(context.Context, client.ObjectList, ...client.ListOption) error {
	return apierrors.NewTooManyRequests("later", 1)
}
