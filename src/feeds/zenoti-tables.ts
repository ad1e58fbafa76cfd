/** What is known of Zenoti's tables. */

import type { TableLine } from '../wire/types.ts';
import type { TableDefaults } from './feed.ts';

/** Primary keys found in public sources; the vendor's files hold none. Others come from the catalog. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  bi_factforms: ['factformid', 'organizationid'],
  bi_dimuser: ['userid'],
  bi_factregistration: ['factsegmentid'],
  bi_factemployeetipsandssgdetails: ['factsegmentid'],
  bi_factinvoiceitemtaxes: ['invoiceitemtaxid'],
};

/** Organisation-level tables, which the bucket of every centre holds in full (seed, "Data for center/zone access"). */
const ORG_TABLES: ReadonlySet<string> = new Set([
  'bi_factfeedbackv2',
  'bi_factitemcommissiondeductions',
  'bi_dimagent',
  'bi_dimappointmentcategories',
  'bi_dimcampaign',
  'bi_dimcategoryproducts',
  'bi_dimcategoryservices',
  'bi_dimcustomforms',
  'bi_dimdiscount',
  'bi_dimdonations',
  'bi_dimemployeebreakcategories',
  'bi_dimemployeeschedulestatus',
  'bi_dimfactchanges',
  'bi_dimgiftcard',
  'bi_dimissuecategories',
  'bi_dimissuesource',
  'bi_dimissuesubcategories',
  'bi_dimissuetreatment',
  'bi_dimitems',
  'bi_dimloyaltypointprograms',
]);

/** Whether a table is an organisation-level one; in any case. */
export function isOrgTable(name: string): boolean {
  return ORG_TABLES.has(name.toLowerCase());
}

/** `bi_fact*` and, the one exception among `bi_dim*`, bi_dimusermembership (seed, "Difference between …"). */
function isFact(name: string): boolean {
  return /^bi_fact/i.test(name) || name.toLowerCase() === 'bi_dimusermembership';
}

/** Facts: delete-insert by `void`, the key widened by organizationid where the table has it. Dimensions: upsert. */
export function zenotiTable(name: string, columns?: TableLine['columns']): TableDefaults {
  const known = KEYS[name.toLowerCase()];
  const key = known?.map((column) => spelled(column, columns));
  if (!isFact(name)) return { merge: 'upsert', ...(key === undefined ? {} : { key }) };
  const organisation = columns?.find((column) => column.name.toLowerCase() === 'organizationid')?.name;
  const hasIt =
    key === undefined ||
    organisation === undefined ||
    key.some((column) => column.toLowerCase() === 'organizationid');
  return {
    merge: 'delete-insert',
    delete_flag: spelled('void', columns),
    ...(key === undefined ? {} : { key: hasIt ? key : [...key, organisation] }),
  };
}

// As the schema script writes it: `OrganizationId` for organizationid.
function spelled(name: string, columns: TableLine['columns']): string {
  return columns?.find((column) => column.name.toLowerCase() === name)?.name ?? name;
}
