package crdrules

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/version"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"

	"github.com/k8s-lbc/lbc/internal/model/support"
	"github.com/k8s-lbc/lbc/playground/chart"
	"github.com/k8s-lbc/lbc/playground/manifest"
	"github.com/k8s-lbc/lbc/playground/repository"
)

// admitting is what an API server of a minor version compiles new expressions with: the libraries of the minor before,
// so that a downgrade by one minor still compiles what is stored.
func admitting(v support.Version) *environment.EnvSet {
	return environment.MustBaseEnvSet(version.MajorMinor(uint(v.Major), uint(v.Minor-1)))
}

// expression is a CEL expression of the project, with what compiles it.
type expression struct {
	place   string
	compile func(*environment.EnvSet) error
}

// matchConditions are the expressions of webhook configurations and admission policies.
func matchConditions(t *testing.T, source string, objects []*unstructured.Unstructured) (out []expression) {
	t.Helper()
	for _, o := range objects {
		if strings.HasSuffix(o.GetKind(), "AdmissionPolicy") {
			t.Fatalf("%s has %s %s: compile its expressions here, too", source, o.GetKind(), o.GetName())
		}
		if o.GetKind() != "MutatingWebhookConfiguration" && o.GetKind() != "ValidatingWebhookConfiguration" {
			continue
		}
		// Both kinds of webhooks have the fields that are read here.
		var of admissionv1.ValidatingWebhookConfiguration
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &of); err != nil {
			t.Fatal(err)
		}
		for _, w := range of.Webhooks {
			for _, c := range w.MatchConditions {
				condition := matchconditions.MatchCondition(c)
				out = append(out, expression{source + ", " + w.Name + ", " + c.Name, func(env *environment.EnvSet) error {
					found := plugincel.NewCompiler(env).CompileCELExpression(&condition, plugincel.OptionalVariableDeclarations{
						HasAuthorizer: true}, environment.NewExpressions)
					if found.Error != nil {
						return found.Error
					}
					return nil
				}})
			}
		}
	}
	return out
}

// ruleExpressions are the rules of a schema and of the schemas below it.
func ruleExpressions(place string, s *schema.Structural, root bool) (out []expression) {
	if len(s.XValidations) > 0 {
		out = append(out, expression{place, func(env *environment.EnvSet) error {
			results, err := cel.Compile(s, model.SchemaDeclType(s, root), celconfig.PerCallLimit, env,
				cel.NewExpressionsEnvLoader())
			if err != nil {
				return err
			}
			for i, r := range results {
				if r.Error != nil {
					return fmt.Errorf("%s: %w", s.XValidations[i].Rule, r.Error)
				}
				if r.MessageExpressionError != nil {
					return fmt.Errorf("%s: %w", s.XValidations[i].MessageExpression, r.MessageExpressionError)
				}
			}
			return nil
		}})
	}
	for name := range s.Properties {
		below := s.Properties[name]
		out = append(out, ruleExpressions(place+"."+name, &below, false)...)
	}
	if s.Items != nil {
		out = append(out, ruleExpressions(place+"[]", s.Items, false)...)
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Structural != nil {
		out = append(out, ruleExpressions(place+"[]", s.AdditionalProperties.Structural, false)...)
	}
	return out
}

// expressions are all of the manifests, the definitions, and the chart as it is rendered for a version of Kubernetes.
func expressions(t *testing.T, of support.Version) (out []expression) {
	t.Helper()
	root, err := repository.FindFromProcess()
	if err != nil {
		t.Fatal(err)
	}
	for kind, r := range load(t) {
		out = append(out, ruleExpressions(kind, r.structural, true)...)
	}
	for _, dir := range []string{"webhook", "controller", "rbac", "ingclass"} {
		files, err := filepath.Glob(filepath.Join(string(root), "config", dir, "*.yaml"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", dir, len(files), err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			objects, err := manifest.Parse(file, text)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, matchConditions(t, filepath.Base(file), objects)...)
		}
	}
	c, err := chart.Load(filepath.Join(string(root), "charts/aws-load-balancer-controller"))
	if err != nil {
		t.Fatal(err)
	}
	gates := map[string]any{"ALBTargetControlAgent": true, "GlobalAcceleratorController": true}
	rendered, err := c.Render(map[string]any{"clusterName": "demo-cluster", "controllerConfig": map[string]any{
		"featureGates": gates}}, chart.Release{Kubernetes: "v" + of.String() + ".0"})
	if err != nil {
		t.Fatal(err)
	}
	return append(out, matchConditions(t, "the chart", rendered.Objects)...)
}

// admitted is the oldest minor version, of those from 1.20 on, whose API server stores an expression.
func admitted(e expression) (support.Version, error) {
	var last error
	for minor := 20; minor <= support.Newest().Minor; minor++ {
		v := support.Version{Major: 1, Minor: minor}
		err := e.compile(admitting(v))
		if err == nil {
			return v, nil
		}
		last = err
	}
	return support.Version{}, last
}

// TestSupportedKubernetesAdmitsExpressions compiles each expression as the API servers of all supported versions do.
func TestSupportedKubernetesAdmitsExpressions(t *testing.T) {
	t.Parallel()
	for _, r := range support.Kubernetes {
		t.Run(r.String(), func(t *testing.T) {
			t.Parallel()
			env := admitting(r.Version)
			all := expressions(t, r.Version)
			if len(all) < 20 {
				t.Fatalf("only %d expressions were found", len(all))
			}
			for _, e := range all {
				if err := e.compile(env); err != nil {
					t.Errorf("%s: %v", e.place, err)
				}
			}
		})
	}
}

// TestOldestKubernetesIsTheTrueMinimum finds the oldest version whose API server admits all expressions.
func TestOldestKubernetesIsTheTrueMinimum(t *testing.T) {
	t.Parallel()
	var oldest support.Version
	var by string
	for _, e := range expressions(t, support.Newest().Version) {
		v, err := admitted(e)
		if err != nil {
			t.Fatalf("%s: %v", e.place, err)
		}
		if v.Minor > oldest.Minor {
			oldest, by = v, e.place
		}
	}
	if oldest != support.Oldest().Version {
		t.Errorf("Kubernetes %s is the oldest that admits all expressions (%s), and %s the oldest that is supported", oldest,
			by, support.Oldest())
	}
}
