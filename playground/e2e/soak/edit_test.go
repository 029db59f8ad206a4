package soak

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// stubborn is how long an edit is tried again that the API server does not take, as while it is away.
const stubborn = 2 * time.Minute

// kubectl runs a command, again while it fails.
func (r *run) kubectl(ctx context.Context, args ...string) (out string, err error) {
	err = r.wait(ctx, stubborn, "kubectl "+strings.Join(args, " "), func(context.Context) error {
		out, err = r.TryKubectl(r.t, args...)
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
	return out, err
}

// apply makes objects, or changes them.
func (r *run) apply(ctx context.Context, manifests string) error {
	f, err := os.CreateTemp(r.dir, "*.yaml")
	if err == nil {
		_, err = f.WriteString(manifests)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = r.kubectl(ctx, "apply", "-f", filepath.Clean(f.Name()))
	return err
}

// annotate sets annotations of an object, given without their prefix.
func (r *run) annotate(ctx context.Context, kind, prefix string, s step, pairs ...string) error {
	args := []string{"annotate", "--overwrite", kind, "-n", s.place, s.object}
	for _, p := range pairs {
		args = append(args, prefix+p)
	}
	_, err := r.kubectl(ctx, args...)
	return err
}

const (
	albPrefix = "alb.ingress.kubernetes.io/"
	nlbPrefix = "service.beta.kubernetes.io/aws-load-balancer-"
)

func (r *run) patch(ctx context.Context, kind, namespace, name, how, patch string) error {
	_, err := r.kubectl(ctx, "patch", kind, "-n", namespace, name, "--type="+how, "-p", patch)
	return err
}

// edit makes an edit. All are such that they can be made again if an answer is lost.
func (r *run) edit(ctx context.Context, s step) error {
	switch s.do {
	case rollout:
		return r.patch(ctx, "deployment", s.place, s.object, "strategic",
			fmt.Sprintf(`{"spec":{"template":{"metadata":{"annotations":{"rollout":%q}}}}}`, s.value))
	case scale:
		_, err := r.kubectl(ctx, "scale", "deployment", "-n", s.place, s.object, "--replicas="+s.value)
		return err
	case port:
		return r.patch(ctx, "service", s.place, s.object, "strategic",
			fmt.Sprintf(`{"spec":{"ports":[{"port":80,"targetPort":%s}]}}`, s.value))
	case ingressHealth:
		return r.annotate(ctx, "ingress", albPrefix, s, "healthcheck-path="+s.value)
	case ingressCheckAt:
		return r.annotate(ctx, "ingress", albPrefix, s, "healthcheck-port="+s.value)
	case serviceHealth:
		return r.annotate(ctx, "service", nlbPrefix, s, "healthcheck-protocol="+s.value)
	case gatewayHealth:
		return r.apply(ctx, targets(s.place, s.value))
	case ingressIdle:
		return r.annotate(ctx, "ingress", albPrefix, s, "load-balancer-attributes=idle_timeout.timeout_seconds="+s.value)
	case serviceDelay:
		return r.annotate(ctx, "service", nlbPrefix, s, "target-group-attributes=deregistration_delay.timeout_seconds="+
			s.value)
	case ingressTags:
		return r.annotate(ctx, "ingress", albPrefix, s, "tags="+s.value)
	case serviceTags:
		return r.annotate(ctx, "service", nlbPrefix, s, "additional-resource-tags="+s.value)
	case gatewayTags:
		return r.patch(ctx, "loadbalancerconfiguration", s.place, s.object, "merge",
			fmt.Sprintf(`{"spec":{"tags":{"team":%q}}}`, s.value))
	case classTags:
		_, err := r.kubectl(ctx, "patch", "ingressclassparams", s.object, "--type=merge", "-p",
			fmt.Sprintf(`{"spec":{"tags":[{"key":"team","value":%q}]}}`, s.value))
		return err
	case targetType:
		return r.annotate(ctx, "ingress", albPrefix, s, "target-type="+s.value)
	case order:
		return r.annotate(ctx, "ingress", albPrefix, s, "group.order="+s.value)
	case mistake:
		change := "healthcheck-interval-seconds=soon"
		if s.value == absent {
			change = "healthcheck-interval-seconds-"
		}
		return r.annotate(ctx, "ingress", albPrefix, s, change)
	case exists:
		return r.comeOrGo(ctx, s)
	case extraPort:
		patch := `{"spec":{"ports":[{"name":"extra","port":81,"protocol":"TCP","targetPort":8081}]}}`
		if s.value == absent {
			patch = `{"spec":{"ports":[{"$patch":"delete","port":81,"protocol":"TCP"}]}}`
		}
		return r.patch(ctx, "service", s.place, s.object, "strategic", patch)
	case extraRule:
		return r.extraRule(ctx, s)
	case certificate:
		r.serial++
		manifest, err := secretWith(r.serial)
		if err != nil {
			return err
		}
		return r.apply(ctx, manifest)
	case binds:
		return r.patch(ctx, "targetgroupbinding", s.place, s.object, "merge",
			fmt.Sprintf(`{"spec":{"serviceRef":{"name":%q}}}`, s.value))
	}
	return fmt.Errorf("no edit is called %q", s.do)
}

func (r *run) extraRule(ctx context.Context, s step) error {
	if s.place == gateway {
		paths := []string{"/"}
		if s.value == present {
			paths = append(paths, "/extra")
		}
		return r.apply(ctx, route(gateway, paths...))
	}
	path := func(p string) string {
		return fmt.Sprintf(
			`{"http":{"paths":[{"path":%q,"pathType":"Prefix","backend":{"service":{"name":"web","port":{"name":"http"}}}}]}}`,
			p)
	}
	rules := path("/")
	if s.value == present {
		rules += "," + path("/extra")
	}
	return r.patch(ctx, "ingress", s.place, s.object, "merge", `{"spec":{"rules":[`+rules+`]}}`)
}

// kindOf is the kind of an object that comes and goes.
func kindOf(object string) string {
	if object == "c" {
		return "ingress"
	}
	return object
}

func (r *run) comeOrGo(ctx context.Context, s step) error {
	kind := kindOf(s.object)
	if s.value == absent {
		_, err := r.kubectl(ctx, "delete", kind, "-n", s.place, s.object, "--ignore-not-found", "--wait=false")
		return err
	}
	// An object that is still being deleted would go in spite of what is applied to it.
	err := r.wait(ctx, stubborn, "the end of the former "+kind+" "+s.object, func(context.Context) error {
		out, err := r.TryKubectl(r.t, "get", kind, "-n", s.place, s.object, "--ignore-not-found", "-o", "name")
		if err == nil && strings.TrimSpace(out) != "" {
			err = errors.New("it is there")
		}
		return err
	})
	if err != nil {
		return err
	}
	return r.apply(ctx, comesAndGoes[s.place+" "+s.object])
}
