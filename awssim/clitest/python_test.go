package clitest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim"
)

// library makes calls by botocore, the library below AWS's command line and boto3, and shows what a program gets:
// values with their types, errors by code and status. "lists" is no call: it makes each of a service's calls that needs
// no parameters and prints the lists that the shape of an answer has and the answer has not.
const library = `
import datetime, json, sys
from awscli.botocore import session, xform_name
endpoint = sys.argv[1]
clients = {}
def client(service):
    if service not in clients:
        region = "us-west-2" if service != "shield" else "us-east-1"
        clients[service] = session.get_session().create_client(service, region_name=region, endpoint_url=endpoint)
    return clients[service]
def call(service, action, parameters):
    return getattr(client(service), xform_name(action))(**parameters)
def typed(value):
    if isinstance(value, datetime.datetime):
        return "time"
    if isinstance(value, bytes):
        return value.decode()
    raise TypeError(value)
def lists(service, actions):
    model, wrong, asked = client(service).meta.service_model, [], 0
    for action in set(actions) & set(model.operation_names):
        operation = model.operation_model(action)
        if operation.input_shape is not None and operation.input_shape.required_members or operation.output_shape is None:
            continue
        try:
            answer = call(service, action, {})
        except Exception: # it needs one parameter or another
            continue
        asked += 1
        for name, shape in operation.output_shape.members.items():
            if shape.type_name == "list" and not isinstance(answer.get(name), list):
                wrong.append(action + "." + name)
    return {"wrong": wrong, "asked": asked}
for line in sys.stdin:
    q = json.loads(line)
    try:
        if q["Action"] == "lists":
            a = lists(q["Service"], q["Parameters"]["actions"])
        else:
            a = call(q["Service"], q["Action"], q["Parameters"])
            del a["ResponseMetadata"]
        print(json.dumps({"answer": a}, default=typed), flush=True)
    except Exception as e:
        r = getattr(e, "response", None) or {"Error": {"Code": type(e).__name__, "Message": str(e)}, "ResponseMetadata": {"HTTPStatusCode": 0}}
        print(json.dumps({"code": r["Error"]["Code"], "message": r["Error"]["Message"], "status": r["ResponseMetadata"]["HTTPStatusCode"]}), flush=True)
`

// program is a program of Python's that calls a simulator.
type program struct {
	*terminal
}

// reply is an answer or an error as the program got it.
type reply struct {
	Answer        map[string]any
	Code, Message string
	Status        int
}

// script starts the program with a simulator of its own.
func script(t *testing.T) program {
	t.Helper()
	p := program{open(t)}
	admin := p.Seed().IAM.Users[0].Keys[0]
	p.run(t, python(t), admin.ID, admin.Secret, library, p.names["endpoint"])
	return p
}

// call makes a call; text in its parameters and in what it returns may be remembered under names.
func (p program) call(t *testing.T, service, action, parameters string) reply {
	t.Helper()
	if parameters == "" {
		parameters = "{}"
	}
	var r reply
	err := p.in.Encode(map[string]any{"Service": service, "Action": action, "Parameters": json.RawMessage(
		p.fill(parameters))})
	if err == nil {
		err = p.out.Decode(&r)
	}
	if err != nil {
		t.Fatalf("%s %s %s: %v", service, action, parameters, err)
	}
	return r
}

// servedTo are the services as Python calls them, and the implementation of each.
func servedTo(s *awssim.Simulator) map[string]any {
	return map[string]any{
		"elbv2": s.Balancing, "ec2": s.Compute, "acm": s.Trust, "sts": s.Identity, "resourcegroupstaggingapi": s.Tagging,
		"wafv2":  s.Firewall,
		"shield": s.Shield, "route53": s.Names, "globalaccelerator": s.Edge,
	}
}

// actions are the calls by which a service is read: its methods with the signature of the SDK's.
func actions(service any) []string {
	var all []string
	t := reflect.TypeOf(service)
	for i := range t.NumMethod() {
		m := t.Method(i)
		if m.Type.NumIn() >= 3 && m.Type.In(1) == reflect.TypeFor[context.Context]() && m.Type.NumOut() == 2 &&
			readingName.MatchString(m.Name) {
			all = append(all, m.Name)
		}
	}
	return all
}

var readingName = regexp.MustCompile("^(Describe|List|Get)")

// AWS sends lists also when they are empty. A program that takes them from a dictionary fails where they are left out;
// Go's does not.
func TestListsOfEveryAnswerAreThereWhenTheyAreEmpty(t *testing.T) {
	t.Parallel()
	p := script(t)
	const least = 30 // calls without required parameters that are made here, of all services
	asked := 0.0
	for service, implementation := range servedTo(p.Simulator) {
		names, err := json.Marshal(actions(implementation))
		if err != nil {
			t.Fatal(err)
		}
		r := p.call(t, service, "lists", fmt.Sprintf(`{"actions": %s}`, names))
		if r.Code != "" {
			t.Errorf("%s: %s: %s", service, r.Code, r.Message)
			continue
		}
		asked += r.Answer["asked"].(float64)
		if wrong := r.Answer["wrong"].([]any); len(wrong) > 0 {
			t.Errorf("%s leaves out %v", service, wrong)
		}
	}
	if asked < least {
		t.Errorf("%v calls were made, want %d or more", asked, least)
	}
}

// sent is a call of a program. Of its answer, which is written as JSON without spaces and with "time" in place of
// times, want is expected and {NAME} in keep is remembered by an expression with one group. Of an error, code and
// status are expected.
type sent struct {
	service, action, parameters string
	want                        string
	keep                        map[string]string
	code                        string
	status                      int
	after                       time.Duration // which passes before
}

func TestAProgramOfPythonUnderstandsEveryService(t *testing.T) {
	t.Parallel()
	p := script(t)
	called, failed := map[string]bool{}, map[string]bool{}
	for _, s := range slices.Concat(callsOfBalancing, callsOfNetworks, callsOfFirewalls, callsOfNames) {
		p.clock.Advance(s.after)
		r := p.call(t, s.service, s.action, s.parameters)
		text, err := json.Marshal(r.Answer)
		switch {
		case err != nil:
			t.Fatal(err)
		case r.Code != s.code || r.Status != s.status:
			t.Errorf("%s %s %s: error %q (%d) %s, want %q (%d); %s", s.service, s.action, p.fill(s.parameters), r.Code, r.Status,
				r.Message, s.code, s.status, text)
		case s.code != "" && r.Message == "":
			t.Errorf("%s %s %s: an error without a message", s.service, s.action, p.fill(s.parameters))
		case s.code == "" && !regexp.MustCompile(p.fill(s.want)).Match(text):
			t.Errorf("%s %s %s: %s, want %s", s.service, s.action, p.fill(s.parameters), text, p.fill(s.want))
		}
		called[s.service], failed[s.service] = called[s.service] || s.code == "", failed[s.service] || s.code != ""
		for name, expression := range s.keep {
			if found := regexp.MustCompile(expression).FindSubmatch(text); found != nil {
				p.names[name] = string(found[1])
			}
		}
	}
	for service := range maps.Keys(servedTo(p.Simulator)) {
		if !called[service] || !failed[service] {
			t.Errorf("%s: called %v, provoked to an error %v", service, called[service], failed[service])
		}
	}
}
