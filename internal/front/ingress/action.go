package ingress

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/planjson"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// annotated makes the action that annotation actions.<name> describes.
func (t *translation) annotated(name, at string) []intent.Action {
	k := annotation.Actions.For(name)
	if _, _, ok := t.read.Raw(k); !ok {
		text := "missing " + string(k) + " configuration"
		if t.config.TolerateMissingAction {
			return t.answer503(at, text, "add the annotation, or name a port of a Service", "Backend action does not exist")
		}
		t.invalidRule(at, text, "add the annotation, or name a port of a Service")
		return nil
	}
	j := t.actionOf(k)
	if j == nil {
		return nil
	}
	switch stack.ActionType(j.Type) {
	case stack.ActionFixedResponse:
		return []intent.Action{{Type: stack.ActionFixedResponse, FixedResponse: &stack.FixedResponse{
			StatusCode: j.FixedResponse.StatusCode, ContentType: j.FixedResponse.ContentType,
			MessageBody: j.FixedResponse.MessageBody,
		}}}
	case stack.ActionRedirect:
		return []intent.Action{{Type: stack.ActionRedirect, Redirect: (*stack.Redirect)(j.Redirect)}}
	default: // forward, the only other valid type
		return t.forward(forwardOf(*j, k))
	}
}

// actionOf is the action that an annotation describes, read once for all paths that name it; nil = it is invalid, which
// is reported.
func (t *translation) actionOf(k annotation.Key) *annotation.Action {
	if j, ok := t.actions[k]; ok {
		return j
	}
	var j *annotation.Action
	if field := annotation.Unmarshal[annotation.Action](t.read, k); field.Set {
		if problem := actionProblem(field.Value); problem != "" {
			t.read.Invalid(k, problem, "")
		} else {
			j = &field.Value
			t.noteIdle(k, j)
		}
	}
	t.actions[k] = j
	return j
}

// noteIdle notes the parts of a valid action that another part switches off.
func (t *translation) noteIdle(k annotation.Key, j *annotation.Action) {
	kind := stack.ActionType(j.Type)
	for _, part := range []struct {
		name string
		set  bool
		of   stack.ActionType
	}{
		{"forwardConfig", j.Forward != nil, stack.ActionForward},
		{"targetGroupARN", j.TargetGroupARN != nil, stack.ActionForward},
		{"targetGroupName", j.TargetGroupName != nil, stack.ActionForward},
		{"redirectConfig", j.Redirect != nil, stack.ActionRedirect},
		{"fixedResponseConfig", j.FixedResponse != nil, stack.ActionFixedResponse},
	} {
		if part.set && part.of != kind {
			t.read.Ignored(k, fmt.Sprintf("%s of annotation %s has no effect: the action is of type %s", part.name, k, kind),
				"remove it, or change the type to "+string(part.of))
		}
	}
	if j.Forward == nil || kind != stack.ActionForward {
		return
	}
	if !slices.ContainsFunc(j.Forward.TargetGroups, func(g annotation.TargetGroup) bool {
		return g.Weight == nil || *g.Weight > 0
	}) {
		t.read.Note(k, diag.NoTargets, fmt.Sprintf("all target groups of annotation %s have weight 0: the load balancer "+
			"answers 503", k), "give a target group a weight from 1 to 999")
	}
	if j.Forward.Stickiness == nil {
		return
	}
	s := j.Forward.Stickiness
	switch enabled := ptr.Deref(s.Enabled, false); {
	case enabled && len(j.Forward.TargetGroups) == 1:
		t.read.Ignored(k, fmt.Sprintf("targetGroupStickinessConfig of annotation %s has no effect: the forward has one "+
			"target group", k), fmt.Sprintf("for sticky targets, set annotation %s: stickiness.enabled=true; or remove it",
			annotation.TargetGroupAttributes))
	case !enabled && s.DurationSeconds != nil:
		t.read.Ignored(k, fmt.Sprintf("durationSeconds of targetGroupStickinessConfig of annotation %s has no effect "+
			"without enabled", k), `add "enabled":true, or remove it`)
	}
}

// actionProblem is what is wrong with an action; empty if nothing is.
func actionProblem(j annotation.Action) string {
	switch stack.ActionType(j.Type) {
	case stack.ActionFixedResponse:
		return fixedResponseProblem(j.FixedResponse)
	case stack.ActionRedirect:
		return redirectProblem(j.Redirect)
	case stack.ActionForward:
	default:
		return "unknown action type: " + j.Type
	}
	simple := j.TargetGroupARN != nil || j.TargetGroupName != nil
	switch {
	case !simple && j.Forward == nil:
		return "missing forwardConfig or targetGroupARN/targetGroupName: a forward names its target groups"
	case simple && j.Forward != nil:
		return "forwardConfig and targetGroupARN/targetGroupName exclude each other"
	case simple:
		return ""
	}
	if problem := forwardProblem(j.Forward); problem != "" {
		return "forwardConfig: " + problem
	}
	return ""
}

// fixedContentTypes are the content types that AWS allows.
var fixedContentTypes = map[string]bool{
	"": true, "text/plain": true, "text/css": true, "text/html": true, "application/javascript": true,
	"application/json": true,
}

func fixedResponseProblem(j *planjson.FixedResponse) string {
	switch {
	case j == nil:
		return "missing fixedResponseConfig"
	case j.StatusCode == "":
		return "fixedResponseConfig: statusCode is required"
	case len(j.StatusCode) != 3 || !strings.Contains("245", j.StatusCode[:1]) ||
		strings.Trim(j.StatusCode, "0123456789") != "":
		return fmt.Sprintf("fixedResponseConfig: statusCode must be 2XX, 4XX or 5XX: %s", j.StatusCode)
	case !fixedContentTypes[j.ContentType]:
		return fmt.Sprintf("fixedResponseConfig: contentType must be text/plain, text/css, text/html, "+
			"application/javascript or application/json, not %q", j.ContentType)
	case len(j.MessageBody) > 1024:
		return fmt.Sprintf("fixedResponseConfig: messageBody has %d bytes, AWS allows 1024", len(j.MessageBody))
	}
	return ""
}

func redirectProblem(j *planjson.Redirect) string {
	switch {
	case j == nil:
		return "missing redirectConfig"
	case j.StatusCode == "":
		return "redirectConfig: statusCode is required"
	case j.StatusCode != "HTTP_301" && j.StatusCode != "HTTP_302":
		return fmt.Sprintf("redirectConfig: statusCode must be HTTP_301 or HTTP_302, not %q", j.StatusCode)
	}
	return ""
}

func forwardProblem(j *annotation.Forward) string {
	for _, g := range j.TargetGroups {
		if problem := targetGroupProblem(g); problem != "" {
			return "targetGroups: " + problem
		}
	}
	switch {
	case len(j.TargetGroups) == 0:
		return "targetGroups cannot be empty"
	case len(j.TargetGroups) > stack.MaxForwardTargets:
		return fmt.Sprintf("%d target groups, AWS allows %d", len(j.TargetGroups), stack.MaxForwardTargets)
	}
	for _, g := range j.TargetGroups {
		if g.Weight == nil && len(j.TargetGroups) > 1 {
			return "each of several target groups needs a weight"
		}
	}
	if s := j.Stickiness; s != nil && s.DurationSeconds != nil && (*s.DurationSeconds < 1 || *s.DurationSeconds > 604800) {
		return fmt.Sprintf("durationSeconds of targetGroupStickinessConfig must be from 1 to 604800, not %d",
			*s.DurationSeconds)
	}
	return ""
}

func targetGroupProblem(j annotation.TargetGroup) string {
	literal := j.ARN != nil || j.Name != nil
	switch {
	case !literal && j.ServiceName == nil:
		return "missing serviceName or targetGroupARN/targetGroupName"
	case literal && j.ServiceName != nil:
		return "serviceName and targetGroupARN/targetGroupName exclude each other"
	case !literal && j.ServicePort == nil:
		return "missing servicePort"
	case j.Weight != nil && (*j.Weight < 0 || *j.Weight > 999):
		return fmt.Sprintf("weight must be from 0 to 999, not %d", *j.Weight)
	}
	return ""
}

// forwardOf is the normal form of a valid forward action.
func forwardOf(j annotation.Action, k annotation.Key) forward {
	f := forward{at: k.Path()}
	if j.Forward == nil {
		f.tuples = []tuple{literal(j.TargetGroupARN, j.TargetGroupName)}
		return f
	}
	for _, g := range j.Forward.TargetGroups {
		one := literal(g.ARN, g.Name)
		if g.ServiceName != nil {
			one.service, one.port = *g.ServiceName, g.ServicePort.String()
		}
		one.weight = g.Weight
		f.tuples = append(f.tuples, one)
	}
	if s := j.Forward.Stickiness; s != nil {
		f.stickiness = &stack.Stickiness{Enabled: ptr.Deref(s.Enabled, false),
			DurationSeconds: ptr.Deref(s.DurationSeconds, 0)}
	}
	return f
}

// literal is a target group of the user; the ARN wins over the name.
func literal(arn, name *string) tuple {
	if arn != nil {
		return tuple{arn: *arn}
	}
	return tuple{name: ptr.Deref(name, "")}
}
