/** The tables of the Zenoti drop: columns of the vendor's documented sample, in its order ("name TYPE"). */

export interface ZenotiTable {
  readonly name: string;
  readonly columns: readonly (readonly [name: string, type: string])[];
  readonly distkey: string;
  readonly sortkey: string;
}

/** The vendor's script: Redshift, a column a line, a comma before each but the first. */
export function createScript(table: ZenotiTable): string {
  const columns = table.columns.map(([name, type], place) => `${place === 0 ? ' ' : ','}${name} ${type}\n`);
  return `CREATE TABLE ${table.name}\n(\n${columns.join('')})\ndistkey(${table.distkey})\nsortkey(${table.sortkey})\n;\n`;
}

/** Columns written as in the vendor's documents: names and types with a blank between, commas between columns. */
function columns(text: string): ZenotiTable['columns'] {
  return text
    .trim()
    .split(/\s*;\s*/)
    .map((column) => column.trim().split(/\s+/, 2) as [string, string]);
}

export const factForms: ZenotiTable = {
  name: 'Bi_FactForms',
  columns: columns(`
  FormId VARCHAR(36); factformid DECIMAL(19,0); GuestId VARCHAR(36); TherapistId VARCHAR(36);
  ReviewedBy VARCHAR(36); AppointmentId VARCHAR(36); CenterId VARCHAR(36); Serviceid VARCHAR(36);
  ReviewedOn TIMESTAMP; Submitteddate TIMESTAMP; Startdate TIMESTAMP; Isformsubmitted INT; Formtype INT;
  Formsource VARCHAR(64); Fieldname VARCHAR(65535); Value1 FLOAT; Value2 TIMESTAMP; Value3 BOOLEAN;
  Value4 VARCHAR(65535); DataTypeDesc VARCHAR(144); Pointer INT; FormVoided BOOLEAN; void BOOLEAN;
  ReviewNeeded BOOLEAN; FormAppointmentStatus INT; AppointmentNoShowOrCancel INT;
  isappointmentvoided BOOLEAN; formexpirydate TIMESTAMP; LastUpdatedDate TIMESTAMP;
  ETLCreatedDate TIMESTAMP; PodName VARCHAR(20); OrganizationId VARCHAR(36); IsV3Form BOOLEAN
`),
  distkey: 'factformid',
  sortkey: 'factformid',
};

export const dimUser: ZenotiTable = {
  name: 'Bi_DimUser',
  columns: columns(`
  userid NVARCHAR(144); firstname NVARCHAR(160); lastname NVARCHAR(256); middlename NVARCHAR(128);
  address1 NVARCHAR(2048); address2 NVARCHAR(2048); city NVARCHAR(128); StateOther NVARCHAR(128);
  ZipCode NVARCHAR(128); UserTypeID VARCHAR(36); UserTypeName NVARCHAR(128); CreationDt TIMESTAMP;
  CenterID VARCHAR(36); Email NVARCHAR(256); homephone NVARCHAR(64); mobilephone NVARCHAR(64);
  workphone NVARCHAR(64); username NVARCHAR(256); usercode NVARCHAR(512); lastlogin TIMESTAMP; gender INT;
  dob TIMESTAMP; preferredTherapist VARCHAR(36); preferredRoom VARCHAR(36);
  otherpreferences NVARCHAR(65535); referralsourceid VARCHAR(36); roomno NVARCHAR(80);
  referredby VARCHAR(36); anniversarydate TIMESTAMP; PreferedCenerId VARCHAR(36); registrationsource INT;
  customerapplogin INT; mobilecountrydname NVARCHAR(4096); mobilecountrysname NVARCHAR(4096);
  stateDispName NVARCHAR(4096); stateShortName NVARCHAR(4096); statecode NVARCHAR(40);
  CountryDName NVARCHAR(4096); CountrySName NVARCHAR(4096); ReceiveTransactionalSMS BOOLEAN;
  ReceiveMarketingSMS BOOLEAN; UserPK DECIMAL(19,0); UnSubscribeToTransactionalEmail BOOLEAN;
  UnSubscribeToMarketingEmail BOOLEAN; PasswordUpdatedOn TIMESTAMP; ReceiveTransactionalEMail BOOLEAN;
  ReceiveMarketingEMail BOOLEAN; AcceptedTAndC INT; NationalityFK INT; DOB_IncompleteYear NVARCHAR(20);
  organizationid VARCHAR(36); Void BOOLEAN; employeetags VARCHAR(MAX); usertags VARCHAR(MAX);
  JobName NVARCHAR(1020); JobCode NVARCHAR(8000); GuestReferralSource NVARCHAR(1600); EmailState INT;
  MandatoryBreakTimePerDay INT; PhoneCode INT; StartDate TIMESTAMP; LastDate TIMESTAMP;
  NoSaleComments VARCHAR(MAX); AdditionalField1 NVARCHAR(4096); AdditionalField2 NVARCHAR(4096);
  EmployeeCode NVARCHAR(512); RelationshipManager VARCHAR(36); EtlLastUpdatedOn TIMESTAMP;
  EtlLastUpdatedBy NVARCHAR(512); Date1 TIMESTAMP; Date2 TIMESTAMP; PodName VARCHAR(20);
  CTEtlLastUpdatedOn TIMESTAMP
`),
  distkey: 'centerid',
  sortkey: 'userid',
};

/** An organisation-level table whose key no document names: it needs the catalog. */
export const factFeedback: ZenotiTable = {
  name: 'bi_factfeedbackv2',
  columns: columns(`
  FeedbackId DECIMAL(19,0); OrganizationId VARCHAR(36); CenterId VARCHAR(36); GuestId VARCHAR(36); Rating INT;
  Score DECIMAL(9,4); Comments NVARCHAR(65535); FeedbackDate DATE; CreatedOn TIMESTAMP; void BOOLEAN
`),
  distkey: 'feedbackid',
  sortkey: 'feedbackid',
};
