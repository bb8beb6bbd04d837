// Interface definitions as flat sentences that can be compared: one for each field, enum value and method.
import { FieldDescriptorProto_Label, FieldDescriptorProto_Type } from '@bufbuild/protobuf/wkt';
import type {
  DescriptorProto,
  EnumDescriptorProto,
  FieldDescriptorProto,
  FileDescriptorSet,
  ServiceDescriptorProto,
} from '@bufbuild/protobuf/wkt';

/** What is said about a place: `package.Message.field` -> `3 repeated TYPE_BYTES`. */
export type InterfaceFacts = Map<string, string>;

/** Every fact of the files, under the full name of what it is about; `prefixes` limits them to some packages. */
export function interfaceFacts(files: FileDescriptorSet, prefixes: string[]): InterfaceFacts {
  const facts: InterfaceFacts = new Map();
  for (const file of files.file) {
    if (!prefixes.includes(file.package)) continue;
    for (const message of file.messageType) addMessage(facts, `${file.package}.${message.name}`, message);
    for (const one of file.enumType) addEnum(facts, `${file.package}.${one.name}`, one);
    for (const service of file.service) addService(facts, `${file.package}.${service.name}`, service);
  }
  return facts;
}

function addMessage(facts: InterfaceFacts, name: string, message: DescriptorProto): void {
  facts.set(name, 'message');
  for (const field of message.field) {
    facts.set(`${name}.${field.name}`, fieldFact(field));
    // The number has a fact of its own, so that a field renamed in one of two definitions is noticed.
    facts.set(`${name}#${field.number}`, `${name}.${field.name}`);
  }
  for (const nested of message.nestedType) addMessage(facts, `${name}.${nested.name}`, nested);
  for (const nested of message.enumType) addEnum(facts, `${name}.${nested.name}`, nested);
}

function fieldFact(field: FieldDescriptorProto): string {
  const type = FieldDescriptorProto_Type[field.type];
  const repeated = field.label === FieldDescriptorProto_Label.REPEATED ? ' repeated' : '';
  const oneof = field.oneofIndex !== 0 || field.proto3Optional ? ' in a oneof' : '';
  return `${field.number}${repeated} ${type} ${field.typeName}${oneof}`.trim();
}

function addEnum(facts: InterfaceFacts, name: string, one: EnumDescriptorProto): void {
  facts.set(name, 'enum');
  for (const value of one.value) facts.set(`${name}.${value.name}`, `${value.number}`);
}

function addService(facts: InterfaceFacts, name: string, service: ServiceDescriptorProto): void {
  facts.set(name, 'service');
  for (const method of service.method) {
    const input = `${method.clientStreaming ? 'stream ' : ''}${method.inputType}`;
    const output = `${method.serverStreaming ? 'stream ' : ''}${method.outputType}`;
    facts.set(`${name}/${method.name}`, `(${input}) returns (${output})`);
  }
}
