package awsclient

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

// odd is text that is not plain.
const odd = "<%s> é\r\n"

// fill sets all fields of a value, lists and maps to two entries. Texts have a format.
func fill(v reflect.Value, path, format string) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), path, format)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), fmt.Sprint(path, i), format)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for i := range 2 {
			v.SetMapIndex(reflect.ValueOf(fmt.Sprint("key", i)), reflect.ValueOf(fmt.Sprint("value & ", i)))
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Date(2026, 11, 29, 1, 2, 3, 4e6, time.UTC)))
			return
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Type != reflect.TypeFor[middleware.Metadata]() {
				fill(v.Field(i), path+"."+f.Name, format)
			}
		}
	case reflect.String:
		v.SetString(fmt.Sprintf(format, path))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32, reflect.Int64:
		v.SetInt(int64(-len(path)))
	case reflect.Float64:
		v.SetFloat(float64(len(path)) / 4)
	default:
		panic(v.Kind())
	}
}

// write writes a value as Elastic Load Balancing does.
func write(to *strings.Builder, name string, v reflect.Value) {
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return
		}
		v = v.Elem()
	}
	to.WriteString("<" + name + ">\n ")
	switch at, isTime := reflect.TypeAssert[time.Time](v); {
	case isTime:
		trim(to)
		to.WriteString(at.Format(time.RFC3339Nano))
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			write(to, "member", v.Index(i))
		}
	case v.Kind() == reflect.Map:
		for _, key := range v.MapKeys() {
			to.WriteString("<entry>")
			write(to, "key", key)
			write(to, "value", v.MapIndex(key))
			to.WriteString("</entry>")
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Type != reflect.TypeFor[middleware.Metadata]() {
				write(to, f.Name, v.Field(i))
			}
		}
		to.WriteString("<FieldOfTomorrow><a/>x</FieldOfTomorrow>")
	default:
		trim(to)
		_ = xml.EscapeText(to, []byte(fmt.Sprint(v.Interface())))
	}
	to.WriteString("</" + name + ">")
}

// trim removes the white space after a tag.
func trim(to *strings.Builder) {
	text := strings.TrimSuffix(to.String(), "\n ")
	to.Reset()
	to.WriteString(text)
}

// answering answers each request with the same body.
type answering struct{ body string }

func (a answering) Do(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Request: r,
		Body: io.NopCloser(strings.NewReader(a.body))}, nil
}

func configOf(body string) aws.Config {
	return aws.Config{Region: "us-west-2", Credentials: aws.AnonymousCredentials{}, HTTPClient: answering{body},
		Retryer: func() aws.Retryer { return aws.NopRetryer{} }}
}

// call calls a method of a client with an empty input, and returns the output without metadata.
func call(client any, method string) (output any, err error) {
	m := reflect.ValueOf(client).MethodByName(method)
	in := reflect.New(m.Type().In(1).Elem())
	out := m.Call([]reflect.Value{reflect.ValueOf(context.Background()), in})
	err, _ = out[1].Interface().(error)
	if !out[0].IsNil() {
		if metadata := out[0].Elem().FieldByName("ResultMetadata"); metadata.IsValid() {
			metadata.SetZero()
		}
	}
	return out[0].Interface(), err
}

// withoutChecks lets calls be made without what their input requires.
func withoutChecks(s *middleware.Stack) error {
	_, _ = s.Initialize.Remove("OperationInputValidation")
	return nil
}

// clientsFor returns the SDK's client and ours for Elastic Load Balancing.
func clientsFor(body string) (sdk, own *elbv2.Client) {
	cfg := configOf(body)
	cfg.APIOptions = append(cfg.APIOptions, withoutChecks)
	return elbv2.NewFromConfig(cfg), clients(cfg, nil).ELBV2.(*elbv2.Client)
}

// answerOf is an answer of an operation.
func answerOf(operation, result string) string {
	return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<" + operation + `Response xmlns="http://a/b">` + result +
		"<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></" + operation + "Response>"
}

// same compares an answer with the SDK's reading of it.
func same(t *testing.T, operation, body string) {
	t.Helper()
	sdk, own := clientsFor(body)
	want, failed := call(sdk, operation)
	got, err := call(own, operation)
	if !reflect.DeepEqual(got, want) || fmt.Sprint(err) != fmt.Sprint(failed) {
		t.Errorf("%s: %+v, %v, want %+v, %v, of %.2000s", operation, got, err, want, failed, body)
	}
}

// TestAnswersAreReadAsTheSDKReadsThem compares with the SDK's reading of each answer, with all fields and with parts
// missing.
func TestAnswersAreReadAsTheSDKReadsThem(t *testing.T) {
	t.Parallel()
	of := reflect.TypeFor[*elbv2.Client]()
	count, read := 0, 0
	for i := range of.NumMethod() {
		m := of.Method(i)
		if m.Type.NumOut() != 2 || m.Type.NumIn() != 4 {
			continue
		}
		count++
		for _, format := range []string{"%s é", odd, ""} {
			v := reflect.New(m.Type.Out(0).Elem())
			if format != "" {
				fill(v.Elem(), m.Name, format)
			}
			var result strings.Builder
			write(&result, m.Name+"Result", v)
			same(t, m.Name, answerOf(m.Name, result.String()))
			to, _ := reflect.New(m.Type.Out(0).Elem()).Interface().(smithy.Deserializable)
			if format != odd && readPlain([]byte(answerOf(m.Name, result.String())), m.Name+"Result", to) {
				read++
			}
		}
	}
	if count < 40 || read < 2*count-15 { // the SDK reads those with maps and large numbers
		t.Errorf("%d operations, %d answers read", count, read)
	}
}

// TestUnusualAnswersAreReadAsTheSDKReadsThem has answers that AWS does not send today.
func TestUnusualAnswersAreReadAsTheSDKReadsThem(t *testing.T) {
	t.Parallel()
	lb := "<LoadBalancers><member><LoadBalancerArn>arn</LoadBalancerArn><Type>network</Type></member></LoadBalancers>"
	for _, result := range []string{
		lb, strings.ReplaceAll(lb, "Arn", "ARN"), strings.ReplaceAll(lb, "arn", "<![CDATA[a<b]]>"),
		strings.ReplaceAll(lb, "arn", "a<!-- b -->c"), strings.ReplaceAll(lb, "arn", "a&amp;&#233;b\r\nc"),
		strings.ReplaceAll(lb, "arn", "<a/>"), strings.ReplaceAll(lb, "arn", "\x01"), strings.ReplaceAll(lb, "arn", "\xff"),
		strings.ReplaceAll(lb, "arn", "a]]>b"), strings.ReplaceAll(lb, "arn", "&other;"), strings.ReplaceAll(lb, "arn", ""),
		strings.ReplaceAll(lb, "<Type>", "<Type a='b'>"), strings.ReplaceAll(lb, "<Type>", "<x:Type>"),
		strings.ReplaceAll(lb, "</Type>", "</type>"), strings.ReplaceAll(lb, "<member>", "<member><member/>x"),
		strings.ReplaceAll(lb, "<member>", "<item>"), lb + lb, "<LoadBalancers/>", "<LoadBalancers />",
		"<LoadBalancers><member/></LoadBalancers>", "text", "<LoadBalancers>text</LoadBalancers>", "",
	} {
		name := "DescribeLoadBalancers"
		for _, body := range []string{answerOf(name, "<"+name+"Result>"+result+"</"+name+"Result>"), result,
			"<" + name + "Result>" + result + "</" + name + "Result>",
			"<a><b>" + result + "</b><" + name + "Result>" + result + "</" + name + "Result></a>"} {
			same(t, name, body)
		}
	}
	same(t, "DescribeLoadBalancers", `<?xml version="1.0" encoding="ISO-8859-1"?><a/>`)
	same(t, "DescribeTargetGroups", answerOf("DescribeTargetGroups", "<DescribeTargetGroupsResult><TargetGroups><member>"+
		"<Port>http</Port></member></TargetGroups></DescribeTargetGroupsResult>"))
}

// TestCutAnswersAreErrors covers answers that end too early, which must not be shorter lists.
func TestCutAnswersAreErrors(t *testing.T) {
	t.Parallel()
	full := reflect.New(reflect.TypeFor[elbv2.DescribeTargetGroupsOutput]())
	fill(full.Elem(), "TG", "%s")
	var list strings.Builder
	write(&list, "DescribeTargetGroupsResult", full)
	whole := answerOf("DescribeTargetGroups", list.String())
	for at := 0; at < len(whole); at += 7 {
		same(t, "DescribeTargetGroups", whole[:at])
	}
}

// TestAnswersCostFewAllocations holds what an answer costs.
func TestAnswersCostFewAllocations(t *testing.T) { // not parallel: it counts allocations
	one := reflect.New(reflect.TypeFor[elbv2.DescribeLoadBalancersOutput]())
	fill(one.Elem(), "LB", "%s")
	var list strings.Builder
	write(&list, "DescribeLoadBalancersResult", one)
	sdk, own := clientsFor(answerOf("DescribeLoadBalancers", list.String()))
	allocations := func(c *elbv2.Client) float64 {
		return testing.AllocsPerRun(20, func() {
			if _, err := c.DescribeLoadBalancers(context.Background(), &elbv2.DescribeLoadBalancersInput{}); err != nil {
				t.Fatal(err)
			}
		})
	}
	if a, b := allocations(sdk), allocations(own); b > a/2 {
		t.Errorf("%.0f allocations, the SDK needs %.0f", b, a)
	}
}
